/* The hosts of the emulated network: for each a network namespace of its own,
 * with a loopback device and a TUN device whose other end we hold. Nothing has
 * a name on this machine, so all of it is gone when the last process in it is,
 * whatever ended us. Needs root. Single-threaded.
 */
#ifndef POSTERN_TESTS_NETLAB_HOSTS_H
#define POSTERN_TESTS_NETLAB_HOSTS_H

#include <stddef.h>

enum {
    LAB_HOSTS_MAX = 16,
    LAB_MTU = 1400 /* bytes of an IP packet, at most */
};

typedef struct lab_host {
    int space; /* of its namespace, for nsenter(1); stays open */
    int wire;  /* packets to and from it, one with each read and write; never
                  blocks */
} lab_host;

/* Make `count` hosts, of addresses 10.77.0.1, 10.77.0.2 ... in one /24 network.
 * This process ends up in the namespace of the last. Returns NULL, or the name
 * of what the system refused, with errno set. */
const char *lab_hosts_make(lab_host *out, size_t count);

#endif
