#include "proto/crypto/openssl.h"

#ifdef POSTERN_OPENSSL

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <sodium.h>
#include <string.h>

#include "proto/base/mem.h"

/* What EVP calls the IV of ChaCha20: the counter, little-endian, the nonce. */
enum { COUNTER_BYTES = 4, IV_BYTES = COUNTER_BYTES + PN_AEAD_NONCE_BYTES };

/* A library context of our own, so that no configuration of the system's
 * reaches it. */
static struct {
    OSSL_LIB_CTX *lib;
    OSSL_PROVIDER *provider;
    EVP_CIPHER *aead, *stream;
} held;

static EVP_CIPHER_CTX *begin(const EVP_CIPHER *cipher, const uint8_t *key,
                             const uint8_t *iv, int encrypt, size_t len)
{
    EVP_CIPHER_CTX *ctx = len <= INT_MAX ? EVP_CIPHER_CTX_new() : NULL;
    if (ctx != NULL &&
        EVP_CipherInit_ex2(ctx, cipher, key, iv, encrypt, NULL) != 1) {
        EVP_CIPHER_CTX_free(ctx);
        ctx = NULL;
    }
    if (ctx == NULL)
        ERR_clear_error();
    return ctx;
}

/* A context lives for one call: freeing it wipes the key, threads have nothing
 * to share, and it costs a fiftieth of a record of 16 KiB. */
static void end(EVP_CIPHER_CTX *ctx, pn_err err)
{
    EVP_CIPHER_CTX_free(ctx);
    if (err != PN_OK)
        ERR_clear_error();
}

static bool run(EVP_CIPHER_CTX *ctx, uint8_t *out, pn_bytes in)
{
    int n = 0;
    return in.len == 0 ||
           (EVP_CipherUpdate(ctx, out, &n, in.p, (int)in.len) == 1 &&
            n == (int)in.len);
}

static pn_err seal(uint8_t *out, pn_bytes plain, pn_bytes ad,
                   const uint8_t nonce[PN_AEAD_NONCE_BYTES],
                   const uint8_t key[PN_AEAD_KEY_BYTES])
{
    EVP_CIPHER_CTX *ctx = begin(held.aead, key, nonce, 1, plain.len | ad.len);
    uint8_t none[PN_AEAD_TAG_BYTES];
    pn_err err = PN_E_CRYPTO;
    int n;
    if (ctx == NULL)
        return PN_E_NOMEM;
    if (run(ctx, NULL, ad) && run(ctx, out, plain) &&
        EVP_EncryptFinal_ex(ctx, none, &n) == 1 && n == 0 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, PN_AEAD_TAG_BYTES,
                            out + plain.len) == 1)
        err = PN_OK;
    end(ctx, err);
    return err;
}

/* EVP deciphers before it has the tag to compare, so what it wrote is wiped
 * where that differs. */
static pn_err unseal(uint8_t *out, pn_bytes sealed, pn_bytes ad,
                     const uint8_t nonce[PN_AEAD_NONCE_BYTES],
                     const uint8_t key[PN_AEAD_KEY_BYTES])
{
    EVP_CIPHER_CTX *ctx;
    uint8_t tag[PN_AEAD_TAG_BYTES], none[PN_AEAD_TAG_BYTES];
    pn_bytes in = { sealed.p, sealed.len - PN_AEAD_TAG_BYTES };
    pn_err err = PN_E_CRYPTO;
    int n;
    if (sealed.len < PN_AEAD_TAG_BYTES)
        return PN_E_SHORT;
    ctx = begin(held.aead, key, nonce, 0, sealed.len | ad.len);
    if (ctx == NULL)
        return PN_E_NOMEM;
    memcpy(tag, sealed.p + in.len, sizeof tag);
    if (run(ctx, NULL, ad) && run(ctx, out, in) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1 &&
        EVP_DecryptFinal_ex(ctx, none, &n) == 1 && n == 0)
        err = PN_OK;
    else
        pn_wipe(out, in.len);
    end(ctx, err);
    return err;
}

static pn_err stream(uint8_t *out, pn_bytes in, uint32_t block,
                     const uint8_t nonce[PN_AEAD_NONCE_BYTES],
                     const uint8_t key[PN_AEAD_KEY_BYTES])
{
    EVP_CIPHER_CTX *ctx;
    uint8_t iv[IV_BYTES];
    pn_err err;
    for (unsigned i = 0; i < COUNTER_BYTES; i++)
        iv[i] = (uint8_t)(block >> (8 * i));
    memcpy(iv + COUNTER_BYTES, nonce, PN_AEAD_NONCE_BYTES);
    ctx = begin(held.stream, key, iv, 1, in.len);
    if (ctx == NULL)
        return PN_E_NOMEM;
    err = run(ctx, out, in) ? PN_OK : PN_E_CRYPTO;
    end(ctx, err);
    return err;
}

static const pn_aead_engine engine = { .seal = seal,
                                       .open = unseal,
                                       .stream = stream };

/* One message of an odd length, both ways, and a stretch of keystream. */
static bool agrees(void)
{
    enum { LEN = PN_AEAD_LONG + 7 };
    static const uint8_t key[PN_AEAD_KEY_BYTES] = { 1, 2, 3 };
    static const uint8_t nonce[PN_AEAD_NONCE_BYTES] = { 4, 5, 6 };
    static const uint8_t zeros[LEN];
    const pn_bytes plain = { zeros, LEN }, ad = PN_BYTES_LIT("postern");
    uint8_t ours[LEN + PN_AEAD_TAG_BYTES], theirs[LEN + PN_AEAD_TAG_BYTES];
    const pn_bytes sealed = { ours, sizeof ours };
    return crypto_aead_chacha20poly1305_ietf_encrypt(ours, NULL, plain.p,
                                                     plain.len, ad.p, ad.len,
                                                     NULL, nonce, key) == 0 &&
           seal(theirs, plain, ad, nonce, key) == PN_OK &&
           memcmp(ours, theirs, sizeof ours) == 0 &&
           unseal(theirs, sealed, ad, nonce, key) == PN_OK &&
           memcmp(theirs, zeros, LEN) == 0 &&
           stream(theirs, plain, 1, nonce, key) == PN_OK &&
           memcmp(ours, theirs, LEN) == 0;
}

pn_err pn_openssl_open(const pn_aead_engine **out)
{
    pn_err err = PN_E_NOMEM;
    *out = NULL;
    if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG |
                                OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS |
                                OPENSSL_INIT_NO_ATEXIT,
                            NULL) != 1)
        goto out;
    held.lib = OSSL_LIB_CTX_new();
    if (held.lib == NULL)
        goto out;
    err = PN_E_NOT_FOUND;
    held.provider = OSSL_PROVIDER_load(held.lib, "default");
    held.aead = EVP_CIPHER_fetch(held.lib, "ChaCha20-Poly1305", NULL);
    held.stream = EVP_CIPHER_fetch(held.lib, "ChaCha20", NULL);
    if (held.provider == NULL || held.aead == NULL || held.stream == NULL)
        goto out;
    err = PN_E_CRYPTO;
    if (!agrees())
        goto out;
    *out = &engine;
    err = PN_OK;
out:
    if (err != PN_OK) {
        pn_openssl_close();
        ERR_clear_error();
    }
    return err;
}

void pn_openssl_close(void)
{
    EVP_CIPHER_free(held.stream);
    EVP_CIPHER_free(held.aead);
    if (held.provider != NULL)
        (void)OSSL_PROVIDER_unload(held.provider);
    OSSL_LIB_CTX_free(held.lib);
    memset(&held, 0, sizeof held);
}

#else

pn_err pn_openssl_open(const pn_aead_engine **out)
{
    *out = NULL;
    return PN_E_NOT_FOUND;
}

void pn_openssl_close(void)
{
}

#endif
