/* ML-KEM with its secrets marked as undefined memory, to be run under
 * valgrind: a branch or an index that depends on one is then an error.
 *
 *     taint keygen|enc|dec|reject|leak-branch|leak-index
 *
 * The two leaks are the control: valgrind must report them. Built and run by
 * taint.sh with each compiler at each level of optimisation. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "proto/crypto/mlkem768.h"

enum { PKE_SK_BYTES = 1152, Z_AT = PN_MLKEM768_SK_BYTES - 32 };

static uint8_t pk[PN_MLKEM768_PK_BYTES], sk[PN_MLKEM768_SK_BYTES];
static uint8_t ct[PN_MLKEM768_CT_BYTES], ss[PN_MLKEM768_SS_BYTES];
static uint8_t seed[PN_MLKEM768_SEED_BYTES] =
    "a seed that is not secret at all";
static uint8_t message[PN_MLKEM768_ENC_SEED_BYTES] =
    "nor is this message to send";

static void make_secret(void *p, size_t len)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(p, len);
}

static void keygen(void)
{
    make_secret(seed, sizeof seed);
    pn_mlkem768_seed_keypair(pk, sk, seed);
}

static int enc(void)
{
    pn_mlkem768_seed_keypair(pk, sk, seed);
    make_secret(message, sizeof message);
    return pn_mlkem768_enc_deterministic(ct, ss, pk, message) == PN_OK ? 0 : 1;
}

/* The private parts of sk are secret; ek and H(ek) inside it are public. */
static int dec(bool forged)
{
    pn_mlkem768_seed_keypair(pk, sk, seed);
    if (pn_mlkem768_enc_deterministic(ct, ss, pk, message) != PN_OK)
        return 1;
    ct[7] ^= forged ? 1 : 0;
    make_secret(sk, PKE_SK_BYTES);
    make_secret(sk + Z_AT, 32);
    pn_mlkem768_dec(ss, ct, sk);
    return 0;
}

static volatile unsigned sink;

/* What compilers made of a masked message bit in other people's code. */
static void leak_branch(void)
{
    make_secret(message, sizeof message);
    for (size_t i = 0; i < sizeof message; i++)
        if ((message[i] & 1) != 0)
            sink += 1665;
}

static void leak_index(void)
{
    static const uint8_t table[256] = { 1, 2, 3 };
    make_secret(message, sizeof message);
    for (size_t i = 0; i < sizeof message; i++)
        sink += table[message[i]];
}

int main(int argc, char **argv)
{
    const char *what = argc == 2 ? argv[1] : "";
    if (!RUNNING_ON_VALGRIND) {
        fprintf(stderr, "taint: proves nothing without valgrind\n");
        return 2;
    }
    if (strcmp(what, "keygen") == 0)
        keygen();
    else if (strcmp(what, "enc") == 0)
        return enc();
    else if (strcmp(what, "dec") == 0)
        return dec(false);
    else if (strcmp(what, "reject") == 0)
        return dec(true);
    else if (strcmp(what, "leak-branch") == 0)
        leak_branch();
    else if (strcmp(what, "leak-index") == 0)
        leak_index();
    else
        return 2;
    return 0;
}
