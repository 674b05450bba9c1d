/* OpenSSL as the cipher: the same bytes as libsodium, the same refusals, and
 * no key left behind. What the RFC and others say of it is in the vectors. */
#include "proto/crypto/openssl.h"

#include <malloc.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka.h"

enum { MOST = 16384, TAG = PN_AEAD_TAG_BYTES };

static const pn_bytes none = { NULL, 0 };
/* No run of it occurs by chance. */
static const uint8_t key[33] = "a key that must not stay in here";
static const uint8_t nonce[12] = { 0, 0, 0, 0, 9 };

static const pn_aead_engine *engine;

/* OpenSSL's allocator, watched: what it gives back, and whether it gives. */
static struct {
    size_t freed;   /* blocks given back */
    size_t leaking; /* of these, with a part of the key in them */
    bool refuses;
} heap;

static void *watched_malloc(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return heap.refuses ? NULL : malloc(n);
}

static void look_at(const uint8_t *p)
{
    const size_t n = malloc_usable_size((void *)(uintptr_t)p);
    heap.freed++;
    for (size_t i = 0; i + 8 <= n; i++)
        for (size_t part = 0; part + 8 <= 32; part += 8)
            if (memcmp(p + i, key + part, 8) == 0) {
                heap.leaking++;
                return;
            }
}

static void watched_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    if (p != NULL && engine != NULL)
        look_at(p);
    free(p);
}

static void *watched_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return heap.refuses ? NULL : realloc(p, n);
}

static uint8_t plain[MOST], sealed[MOST + TAG], out[MOST + TAG];

static void fill(void)
{
    for (size_t i = 0; i < MOST; i++)
        plain[i] = (uint8_t)(i * i >> 3 ^ i);
}

static void seals_like_libsodium(void **state)
{
    static const size_t lens[] = { 0,    1,    15,   16,    17,   63,   64,
                                   65,   255,  1008, 1009,  4080, 4096, 8191,
                                   8192, 8193, 9999, 16368, MOST };
    (void)state;
    fill();
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++)
        for (size_t a = 0; a < 40; a += 13) {
            const size_t len = lens[i];
            const pn_bytes ad = { plain + 3, a };
            assert_int_equal(
                crypto_aead_chacha20poly1305_ietf_encrypt(
                    sealed, NULL, plain, len, ad.p, ad.len, NULL, nonce, key),
                0);
            assert_int_equal(
                engine->seal(out, (pn_bytes){ plain, len }, ad, nonce, key),
                PN_OK);
            assert_memory_equal(out, sealed, len + TAG);
            assert_int_equal(
                engine->open(out, (pn_bytes){ out, len + TAG }, ad, nonce, key),
                PN_OK);
            assert_memory_equal(out, plain, len);
        }
}

static void streams_like_libsodium(void **state)
{
    static const uint32_t blocks[] = { 0, 1, 0x01020304, 0xfffffeff };
    (void)state;
    fill();
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        for (size_t len = 0; len <= MOST; len = 3 * len + 1) {
            assert_int_equal(crypto_stream_chacha20_ietf_xor_ic(
                                 sealed, plain, len, nonce, blocks[i], key),
                             0);
            memcpy(out, plain, len);
            assert_int_equal(engine->stream(out, (pn_bytes){ out, len },
                                            blocks[i], nonce, key),
                             PN_OK);
            assert_memory_equal(out, sealed, len);
        }
}

/* One wrong bit is refused, and nothing of what was forged is to be read. */
static void refuses_forgeries(void **state)
{
    enum { LEN = 100 };
    const pn_bytes in = { sealed, LEN + TAG };
    (void)state;
    fill();
    assert_int_equal(engine->seal(sealed, (pn_bytes){ plain, LEN },
                                  PN_BYTES_LIT("ad"), nonce, key),
                     PN_OK);
    for (size_t bit = 0; bit < 8 * (LEN + TAG); bit++) {
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
        memset(out, 0xee, sizeof out);
        assert_int_equal(engine->open(out, in, PN_BYTES_LIT("ad"), nonce, key),
                         PN_E_CRYPTO);
        assert_true(sodium_is_zero(out, LEN));
        assert_int_equal(out[LEN], 0xee);
        sealed[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_int_equal(engine->open(out, in, PN_BYTES_LIT("da"), nonce, key),
                     PN_E_CRYPTO);
    for (size_t len = 0; len < TAG; len++)
        assert_int_equal(
            engine->open(out, (pn_bytes){ sealed, len }, none, nonce, key),
            PN_E_SHORT);
    assert_int_equal(engine->open(out, in, PN_BYTES_LIT("ad"), nonce, key),
                     PN_OK);
}

/* Every block OpenSSL gives back is clean, after success and after failure;
 * and the watch is awake. */
static void leaves_no_key(void **state)
{
    uint8_t *p = malloc(64);
    (void)state;
    assert_non_null(p);
    memcpy(p + 5, key, 32);
    look_at(p);
    free(p);
    assert_int_equal(heap.leaking, 1);
    heap.leaking = heap.freed = 0;
    assert_int_equal(
        engine->seal(sealed, (pn_bytes){ plain, 4096 }, none, nonce, key),
        PN_OK);
    assert_int_equal(
        engine->open(out, (pn_bytes){ sealed, 4096 + TAG }, none, nonce, key),
        PN_OK);
    assert_int_equal(
        engine->open(out, (pn_bytes){ sealed, 4096 }, none, nonce, key),
        PN_E_CRYPTO);
    assert_int_equal(
        engine->stream(out, (pn_bytes){ plain, 4096 }, 0, nonce, key), PN_OK);
    assert_true(heap.freed >= 8);
    assert_int_equal(heap.leaking, 0);
}

/* No memory is said before anything is touched; then libsodium does it. */
static void says_when_it_has_no_memory(void **state)
{
    (void)state;
    fill();
    memcpy(out, plain, MOST);
    heap.refuses = true;
    assert_int_equal(
        engine->seal(out, (pn_bytes){ out, 4096 }, none, nonce, key),
        PN_E_NOMEM);
    assert_int_equal(
        engine->open(out, (pn_bytes){ out, 4096 }, none, nonce, key),
        PN_E_NOMEM);
    assert_int_equal(
        engine->stream(out, (pn_bytes){ out, 4096 }, 0, nonce, key),
        PN_E_NOMEM);
    assert_memory_equal(out, plain, MOST);
    pn_aead_use(engine);
    assert_int_equal(pn_aead_seal_blocks(out, 4096, nonce, key), PN_OK);
    pn_aead_use(NULL);
    heap.refuses = false;
    assert_int_equal(
        engine->open(out, (pn_bytes){ out, 4096 }, none, nonce, key), PN_OK);
    assert_memory_equal(out, plain, 4096 - TAG);
}

static void *work(void *arg)
{
    const uint8_t fill_with = (uint8_t)(uintptr_t)arg;
    static _Thread_local uint8_t in[4096], got[4096 + TAG];
    memset(in, fill_with, sizeof in);
    for (unsigned i = 0; i < 500; i++) {
        const bool ok = engine->seal(got, (pn_bytes){ in, sizeof in }, none,
                                     nonce, key) == PN_OK &&
                        engine->open(got, (pn_bytes){ got, sizeof got }, none,
                                     nonce, key) == PN_OK &&
                        memcmp(got, in, sizeof in) == 0;
        if (!ok)
            return NULL;
    }
    return arg;
}

static void threads_do_not_meet(void **state)
{
    pthread_t threads[4];
    (void)state;
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
    for (uintptr_t i = 0; i < 4; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_int_equal((uintptr_t)result, i + 1);
    }
}

/* It can be opened again, and closed when it is not open. */
static void closes_and_opens(void **state)
{
    (void)state;
    pn_openssl_close();
    pn_openssl_close();
    assert_int_equal(pn_openssl_open(&engine), PN_OK);
    seals_like_libsodium(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seals_like_libsodium),
        cmocka_unit_test(streams_like_libsodium),
        cmocka_unit_test(refuses_forgeries),
        cmocka_unit_test(leaves_no_key),
        cmocka_unit_test(says_when_it_has_no_memory),
        cmocka_unit_test(threads_do_not_meet),
        cmocka_unit_test(closes_and_opens),
    };
    int failed;
    if (CRYPTO_set_mem_functions(watched_malloc, watched_realloc,
                                 watched_free) != 1 ||
        pn_openssl_open(&engine) != PN_OK)
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    engine = NULL;
    pn_openssl_close();
    return failed;
}
