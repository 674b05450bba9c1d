/* Results of every fallible call in the project.
 * Zero is success, positive is "not yet", negative is a fault. The type is
 * must-use: a dropped error is a compile warning, and warnings are errors.
 */
#ifndef POSTERN_PROTO_BASE_ERR_H
#define POSTERN_PROTO_BASE_ERR_H

#if defined(__GNUC__)
#define PN_MUST_USE __attribute__((warn_unused_result))
#define PN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define PN_MUST_USE
#define PN_PRINTF(fmt, args)
#endif

typedef enum pn_err {
    PN_OK = 0,
    PN_MORE = 1,          /* not yet: feed more input, or wait */
    PN_E_NOMEM = -1,      /* allocation failed, or an arena's cap is reached */
    PN_E_ARG = -2,        /* the caller broke the contract of the call */
    PN_E_FULL = -3,       /* a bounded thing is at its bound; try later */
    PN_E_SHORT = -4,      /* the input ends inside a field */
    PN_E_PROTO = -5,      /* the peer broke the protocol; close it */
    PN_E_CRYPTO = -6,     /* authentication failed, or a key is unusable */
    PN_E_VERSION = -7,    /* no common protocol version */
    PN_E_STATE = -8,      /* not possible in this state */
    PN_E_IO = -9,         /* the operating system refused; see errno or log */
    PN_E_TIMEOUT = -10,   /* a deadline passed */
    PN_E_CLOSED = -11,    /* the peer ended the stream */
    PN_E_NOT_FOUND = -12, /* no such thing */
    PN_E_EXISTS = -13,    /* already there */
    PN_E_REFUSED = -14,   /* understood, and not allowed */
    PN_E_CORRUPT = -15,   /* stored data fails its own checks */
    PN_E_RANDOM = -16,    /* the system gave no random bytes */
} pn_err;

/* A short English text for `err`: static, never NULL, no trailing dot. */
const char *pn_strerror(pn_err err);

/* Return from the calling function unless `expr` is PN_OK. Only where nothing
 * is owned; where something is, use one `out:` label instead. */
#define PN_TRY(expr)                       \
    do {                                   \
        const pn_err pn_try_err_ = (expr); \
        if (pn_try_err_ != PN_OK)          \
            return pn_try_err_;            \
    } while (0)

#endif
