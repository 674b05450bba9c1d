/* ChaCha20-Poly1305 and ChaCha20 by OpenSSL's libcrypto, an engine for aead.h.
 * A room of its own that only the relay links: it ciphers for everybody and
 * earns the start-up time and memory of a second library, an endpoint does not.
 * Never does: read openssl.cnf, load a provider from a file, take randomness,
 * keep a key.
 * Thread rule: open and close from one thread while no other uses the engine;
 * the engine from any number.
 */
#ifndef POSTERN_PROTO_CRYPTO_OPENSSL_H
#define POSTERN_PROTO_CRYPTO_OPENSSL_H

#include "proto/crypto/aead.h"

/* Have libcrypto ready, and prove on one message that it agrees with libsodium.
 * *out is borrowed until pn_openssl_close(). Nothing is allocated later but a
 * context for the time of each call. PN_E_NOT_FOUND in a build without OpenSSL,
 * or if that has no such ciphers; PN_E_CRYPTO if it disagrees; PN_E_NOMEM. On
 * error there is nothing to close. */
PN_MUST_USE pn_err pn_openssl_open(const pn_aead_engine **out);
/* Give it all back. Whoever named the engine to pn_aead_use() names none
 * before. Accepts a second call. */
void pn_openssl_close(void);

#endif
