#define _GNU_SOURCE
#include "tests/netlab/hosts.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint32_t network = 0x0a4d0000, netmask = 0xffffff00;

static struct ifreq device(const char *name)
{
    struct ifreq r;
    memset(&r, 0, sizeof r);
    memcpy(r.ifr_name, name, strlen(name) + 1);
    return r;
}

static bool give(int s, const char *name, unsigned long what, uint32_t address)
{
    struct ifreq r = device(name);
    struct sockaddr_in in = { .sin_family = AF_INET };
    in.sin_addr.s_addr = htonl(address);
    memcpy(&r.ifr_addr, &in, sizeof in);
    return ioctl(s, what, &r) == 0;
}

static bool start(int s, const char *name)
{
    struct ifreq r = device(name);
    r.ifr_flags = IFF_UP;
    return ioctl(s, SIOCSIFFLAGS, &r) == 0;
}

static bool configure(uint32_t address)
{
    const int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq mtu = device("wan");
    bool done;
    mtu.ifr_mtu = LAB_MTU;
    done = s >= 0 && start(s, "lo") && ioctl(s, SIOCSIFMTU, &mtu) == 0 &&
           give(s, "wan", SIOCSIFADDR, address) &&
           give(s, "wan", SIOCSIFNETMASK, netmask) && start(s, "wan");
    if (s >= 0)
        (void)close(s);
    return done;
}

static const char *make(lab_host *out, uint32_t address)
{
    struct ifreq r = device("wan");
    r.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (unshare(CLONE_NEWNET) != 0)
        return "network namespace";
    out->space = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    out->wire = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (out->space < 0 || out->wire < 0 || ioctl(out->wire, TUNSETIFF, &r) != 0)
        return "TUN device";
    return configure(address) ? NULL : "address";
}

const char *lab_hosts_make(lab_host *out, size_t count)
{
    const char *refused = NULL;
    for (size_t i = 0; i < count && refused == NULL; i++)
        refused = make(&out[i], network + 1 + (uint32_t)i);
    return refused;
}
