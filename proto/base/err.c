#include "proto/base/err.h"

const char *pn_strerror(pn_err err)
{
    switch (err) {
    case PN_OK:
        return "success";
    case PN_MORE:
        return "more input is needed";
    case PN_E_NOMEM:
        return "out of memory";
    case PN_E_ARG:
        return "invalid argument";
    case PN_E_FULL:
        return "full";
    case PN_E_SHORT:
        return "input ends too early";
    case PN_E_PROTO:
        return "protocol violation";
    case PN_E_CRYPTO:
        return "authentication failed";
    case PN_E_VERSION:
        return "no common protocol version";
    case PN_E_STATE:
        return "not possible in this state";
    case PN_E_IO:
        return "input/output error";
    case PN_E_TIMEOUT:
        return "timed out";
    case PN_E_CLOSED:
        return "closed by the peer";
    case PN_E_NOT_FOUND:
        return "not found";
    case PN_E_EXISTS:
        return "already exists";
    case PN_E_REFUSED:
        return "refused";
    case PN_E_CORRUPT:
        return "stored data is damaged";
    case PN_E_RANDOM:
        return "no random bytes from the system";
    }
    return "unknown error";
}
