/* Our ML-KEM-768 and X-Wing on a line protocol, for mlkem.mjs to drive. Each
 * line is a word and fields in hex; the answer is fields in hex, or `refused`.
 *
 *     keygen SEED        -> EK DK
 *     encaps EK M        -> CT SS
 *     decaps DK CT       -> SS
 *     xwing-keygen SK    -> PK
 *     xwing-encaps PK ESEED -> CT SS
 *     xwing-decaps SK CT -> SS
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/crypto/xwing.h"

enum { LINE_MAX_BYTES = 16384 };

/* Read one hex field of exactly `len` bytes from the rest of a line. */
static bool field(char **rest, uint8_t *out, size_t len)
{
    const char *word = strtok_r(NULL, " \n", rest);
    return word != NULL && pn_unhex(out, len, word) == PN_OK;
}

static void answer(const uint8_t *p, size_t len, char end)
{
    char hex[2 * PN_MLKEM768_SK_BYTES + 1];
    pn_hex(hex, (pn_bytes){ p, len });
    printf("%s%c", hex, end);
}

static bool keygen(char **rest)
{
    uint8_t seed[PN_MLKEM768_SEED_BYTES];
    uint8_t pk[PN_MLKEM768_PK_BYTES], sk[PN_MLKEM768_SK_BYTES];
    if (!field(rest, seed, sizeof seed))
        return false;
    pn_mlkem768_seed_keypair(pk, sk, seed);
    answer(pk, sizeof pk, ' ');
    answer(sk, sizeof sk, '\n');
    return true;
}

static bool encaps(char **rest)
{
    uint8_t pk[PN_MLKEM768_PK_BYTES], m[PN_MLKEM768_ENC_SEED_BYTES];
    uint8_t ct[PN_MLKEM768_CT_BYTES], ss[PN_MLKEM768_SS_BYTES];
    if (!field(rest, pk, sizeof pk) || !field(rest, m, sizeof m) ||
        pn_mlkem768_enc_deterministic(ct, ss, pk, m) != PN_OK)
        return false;
    answer(ct, sizeof ct, ' ');
    answer(ss, sizeof ss, '\n');
    return true;
}

static bool decaps(char **rest)
{
    uint8_t sk[PN_MLKEM768_SK_BYTES], ct[PN_MLKEM768_CT_BYTES];
    uint8_t ss[PN_MLKEM768_SS_BYTES];
    if (!field(rest, sk, sizeof sk) || !field(rest, ct, sizeof ct) ||
        pn_mlkem768_check_dk(sk) != PN_OK)
        return false;
    pn_mlkem768_dec(ss, ct, sk);
    answer(ss, sizeof ss, '\n');
    return true;
}

static bool xwing_keygen(char **rest)
{
    uint8_t sk[PN_XWING_SK_BYTES];
    pn_xwing_key key;
    if (!field(rest, sk, sizeof sk) || pn_xwing_expand(&key, sk) != PN_OK)
        return false;
    answer(key.pk, sizeof key.pk, '\n');
    return true;
}

static bool xwing_encaps(char **rest)
{
    uint8_t pk[PN_XWING_PK_BYTES], seed[PN_XWING_ENC_SEED_BYTES];
    uint8_t ct[PN_XWING_CT_BYTES], ss[PN_XWING_SS_BYTES];
    if (!field(rest, pk, sizeof pk) || !field(rest, seed, sizeof seed) ||
        pn_xwing_enc_deterministic(ct, ss, pk, seed) != PN_OK)
        return false;
    answer(ct, sizeof ct, ' ');
    answer(ss, sizeof ss, '\n');
    return true;
}

static bool xwing_decaps(char **rest)
{
    uint8_t sk[PN_XWING_SK_BYTES], ct[PN_XWING_CT_BYTES];
    uint8_t ss[PN_XWING_SS_BYTES];
    pn_xwing_key key;
    if (!field(rest, sk, sizeof sk) || !field(rest, ct, sizeof ct) ||
        pn_xwing_expand(&key, sk) != PN_OK ||
        pn_xwing_dec(ss, ct, &key) != PN_OK)
        return false;
    answer(ss, sizeof ss, '\n');
    return true;
}

static const struct {
    const char *word;
    bool (*run)(char **rest);
} commands[] = {
    { "keygen", keygen },
    { "encaps", encaps },
    { "decaps", decaps },
    { "xwing-keygen", xwing_keygen },
    { "xwing-encaps", xwing_encaps },
    { "xwing-decaps", xwing_decaps },
};

static bool run_line(char *line)
{
    char *rest = NULL;
    const char *word = strtok_r(line, " \n", &rest);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (word != NULL && strcmp(word, commands[i].word) == 0)
            return commands[i].run(&rest);
    return false;
}

int main(void)
{
    static char line[LINE_MAX_BYTES];
    if (sodium_init() < 0)
        return 1;
    while (fgets(line, sizeof line, stdin) != NULL)
        if (!run_line(line))
            printf("refused\n");
    return ferror(stdin) || fflush(stdout) != 0 ? 1 : 0;
}
