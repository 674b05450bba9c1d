/* What this build calls itself, and the versions of the frames it speaks. */
#ifndef POSTERN_PROTO_WIRE_VERSION_H
#define POSTERN_PROTO_WIRE_VERSION_H

#define PN_SOFTWARE_NAME "postern"
/* CMake's project version, defined for whoever links pn_wire. */
#define PN_SOFTWARE_VERSION POSTERN_VERSION

enum {
    PN_PROTOCOL_VERSION = 1,     /* of the frames described by PROTOCOL.md */
    PN_PROTOCOL_VERSION_MIN = 1, /* the oldest this build still speaks */
};

#endif
