/* Tools for code whose time must not depend on secrets.
 * Thread rule: pure functions.
 */
#ifndef POSTERN_PROTO_CRYPTO_SECRET_H
#define POSTERN_PROTO_CRYPTO_SECRET_H

#include <stddef.h>
#include <stdint.h>

/* The same value, of which the optimiser knows nothing any more. Without it
 * compilers see that a mask is all zeros or all ones and turn the masking
 * into a branch on the secret, as clang did to ML-KEM in 2024. */
static inline uint32_t pn_opaque(uint32_t v)
{
#if defined(__GNUC__)
    __asm__("" : "+r"(v));
    return v;
#else
    volatile uint32_t hidden = v;
    return hidden;
#endif
}

/* All ones if the lowest bit of v is set, else zero. */
static inline uint32_t pn_mask_of_bit(uint32_t v)
{
    return pn_opaque(0U - (v & 1U));
}

/* All ones if v is not zero, else zero. */
static inline uint32_t pn_mask_of_nonzero(uint32_t v)
{
    v = pn_opaque(v);
    return pn_mask_of_bit((v | (0U - v)) >> 31);
}

/* Say that p[0..len) may be known to everyone. The secret-taint test builds
 * this code with POSTERN_TAINT and marks secrets as undefined memory, so that
 * valgrind reports any branch or index on them; what is public by the
 * algorithm's definition is told here. Nothing in any other build. */
#if defined(POSTERN_TAINT)
#include <valgrind/memcheck.h>
#define PN_DECLASSIFY(p, len) ((void)VALGRIND_MAKE_MEM_DEFINED((p), (len)))
#else
#define PN_DECLASSIFY(p, len) ((void)(p), (void)(len))
#endif

#endif
