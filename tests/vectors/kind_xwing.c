/* X-Wing vectors of draft-connolly-cfrg-xwing-kem: an array of objects with
 * seed, sk, pk, eseed, ct and ss. */
#include <string.h>

#include "proto/crypto/xwing.h"
#include "tests/vectors/vectors.h"

static void run_case(vec_case *c)
{
    const bool by_sk = vec_field(c, "sk") != NULL;
    const pn_bytes sk = vec_hex(c, by_sk ? "sk" : "seed");
    const pn_bytes pk = vec_hex(c, "pk"), eseed = vec_hex(c, "eseed");
    const pn_bytes ct = vec_hex(c, "ct"), ss = vec_hex(c, "ss");
    uint8_t got_ct[PN_XWING_CT_BYTES], got_ss[PN_XWING_SS_BYTES];
    pn_xwing_key key;
    if (!vec_check(c,
                   c->why == NULL && sk.len == PN_XWING_SK_BYTES &&
                       pk.len == PN_XWING_PK_BYTES &&
                       eseed.len == PN_XWING_ENC_SEED_BYTES &&
                       ct.len == PN_XWING_CT_BYTES,
                   "a field has the wrong length"))
        return;
    if (!vec_check(c, pn_xwing_expand(&key, sk.p) == PN_OK, "expand refused"))
        return;
    vec_check(c, vec_equal(key.pk, sizeof key.pk, pk), "pk differs");
    vec_check(
        c, pn_xwing_enc_deterministic(got_ct, got_ss, pk.p, eseed.p) == PN_OK,
        "enc refused");
    vec_check(c, vec_equal(got_ct, sizeof got_ct, ct), "ct differs");
    vec_check(c, vec_equal(got_ss, sizeof got_ss, ss), "ss of enc differs");
    vec_check(c, pn_xwing_dec(got_ss, ct.p, &key) == PN_OK, "dec refused");
    vec_check(c, vec_equal(got_ss, sizeof got_ss, ss), "ss of dec differs");
    pn_xwing_key_wipe(&key);
}

void kind_xwing(vec_tally *t, const vec_file *files, size_t count)
{
    for (size_t f = 0; f < count; f++) {
        const json_t *test;
        size_t i;
        if (json_array_size(files[f].json) == 0)
            vec_broken(t, &files[f], "not an array of X-Wing vectors");
        json_array_foreach(files[f].json, i, test)
        {
            vec_case c;
            vec_open(&c, t, &files[f], i, test, NULL, NULL);
            run_case(&c);
            vec_close(&c);
        }
    }
}
