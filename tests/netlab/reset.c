#include "tests/netlab/reset.h"

#include <string.h>

enum {
    IP_SIZE = 20,
    TCP_SIZE = 20,
    TCP = 6,
    RST = 0x04,
    SYN = 0x02,
    ACK = 0x10,
    HOPS = 64
};

static uint32_t sum(const uint8_t *p, size_t len)
{
    uint32_t total = 0;
    for (size_t i = 0; i + 1 < len; i += 2)
        total += (uint32_t)p[i] << 8 | p[i + 1];
    return total;
}

static void put_checksum(uint8_t *at, uint32_t total)
{
    while (total >> 16 != 0)
        total = (total & 0xffff) + (total >> 16);
    at[0] = (uint8_t)(~total >> 8);
    at[1] = (uint8_t)~total;
}

/* From and to: an address of 4 bytes and, in a TCP header, a port of 2. */
static void build(uint8_t out[LAB_RESET_SIZE], const uint8_t *from,
                  const uint8_t *from_port, const uint8_t *to,
                  const uint8_t *to_port, const uint8_t *sequence)
{
    uint8_t *tcp = out + IP_SIZE;
    memset(out, 0, LAB_RESET_SIZE);
    out[0] = 0x45;
    out[3] = LAB_RESET_SIZE;
    out[8] = HOPS;
    out[9] = TCP;
    memcpy(out + 12, from, 4);
    memcpy(out + 16, to, 4);
    put_checksum(out + 10, sum(out, IP_SIZE));
    memcpy(tcp, from_port, 2);
    memcpy(tcp + 2, to_port, 2);
    memcpy(tcp + 4, sequence, 4);
    tcp[12] = TCP_SIZE / 4 << 4;
    tcp[13] = RST;
    put_checksum(tcp + 16,
                 sum(out + 12, 8) + TCP + TCP_SIZE + sum(tcp, TCP_SIZE));
}

bool lab_reset(const uint8_t *packet, size_t len, uint8_t back[LAB_RESET_SIZE],
               uint8_t on[LAB_RESET_SIZE])
{
    const size_t ip = len > 0 ? (size_t)(packet[0] & 0x0f) * 4 : 0;
    const uint8_t *tcp = packet + ip;
    if (len < IP_SIZE || packet[0] >> 4 != 4 || packet[9] != TCP ||
        ip < IP_SIZE || len < ip + TCP_SIZE || (tcp[13] & (RST | SYN)) != 0 ||
        (tcp[13] & ACK) == 0)
        return false;
    build(on, packet + 12, tcp, packet + 16, tcp + 2, tcp + 4);
    build(back, packet + 16, tcp + 2, packet + 12, tcp, tcp + 8);
    return true;
}
