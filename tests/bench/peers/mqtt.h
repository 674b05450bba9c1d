/* Just enough of MQTT 3.1.1 for QoS 1: packets out, packets in.
 * Source: OASIS MQTT Version 3.1.1, chapters 2 and 3.
 * Thread rule: one thread.
 */
#ifndef POSTERN_TESTS_BENCH_PEERS_MQTT_H
#define POSTERN_TESTS_BENCH_PEERS_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/bench/peers/load.h"

typedef enum mqtt_type {
    MQTT_CONNACK = 2,
    MQTT_PUBLISH = 3,
    MQTT_PUBACK = 4,
    MQTT_SUBACK = 9,
    MQTT_PINGRESP = 13,
} mqtt_type;

typedef struct mqtt_packet {
    unsigned type;       /* one of mqtt_type, or another of the standard */
    uint16_t id;         /* of PUBLISH at QoS 1, PUBACK, SUBACK */
    uint8_t code;        /* of CONNACK and SUBACK; 0 is success for the one,
                            the QoS granted for the other */
    const char *payload; /* of PUBLISH */
    size_t payload_len;
} mqtt_packet;

/* Take one whole packet from the `len` bytes at p, which *out points into.
 * Returns its bytes, or 0 when it is not whole yet. What is malformed, or a
 * message of another QoS than 1, ends the program. */
size_t mqtt_take(mqtt_packet *out, const char *p, size_t len);

/* Append a packet to what goes out. The session of `client` outlives the
 * connection; keep-alive is off. */
void mqtt_put_connect(load_conn *c, const char *client);
void mqtt_put_subscribe(load_conn *c, uint16_t id, const char *topic);
void mqtt_put_publish(load_conn *c, uint16_t id, const char *topic,
                      const char *body, size_t len);
void mqtt_put_puback(load_conn *c, uint16_t id);
void mqtt_put_ping(load_conn *c);

#endif
