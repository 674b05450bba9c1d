#include "tests/bench/peers/mqtt.h"

#include <string.h>

enum {
    CONNECT = 1 << 4,
    PUBLISH_QOS1 = MQTT_PUBLISH << 4 | 1 << 1,
    PUBACK = MQTT_PUBACK << 4,
    SUBSCRIBE = 8 << 4 | 2, /* the flags are reserved to be 2 */
    PINGREQ = 12 << 4,
    LENGTH_MAX = 4, /* bytes of a remaining length */
};

/* --- out ------------------------------------------------------------------ */

static void put_u8(load_conn *c, unsigned v)
{
    const uint8_t byte = (uint8_t)v;
    load_put(c, &byte, 1);
}

static void put_u16(load_conn *c, unsigned v)
{
    put_u8(c, v >> 8);
    put_u8(c, v & 0xff);
}

/* The first byte, then the remaining length, seven bits a byte. */
static void put_head(load_conn *c, unsigned first, size_t remaining)
{
    put_u8(c, first);
    do {
        const unsigned low = (unsigned)(remaining & 0x7f);
        remaining >>= 7;
        put_u8(c, low | (remaining > 0 ? 0x80U : 0));
    } while (remaining > 0);
}

static void put_text(load_conn *c, const char *text)
{
    put_u16(c, (unsigned)strlen(text));
    load_put(c, text, strlen(text));
}

void mqtt_put_connect(load_conn *c, const char *client)
{
    put_head(c, CONNECT, 10 + 2 + strlen(client));
    put_text(c, "MQTT");
    put_u8(c, 4);  /* 3.1.1 */
    put_u8(c, 0);  /* no clean session */
    put_u16(c, 0); /* no keep-alive */
    put_text(c, client);
}

void mqtt_put_subscribe(load_conn *c, uint16_t id, const char *topic)
{
    put_head(c, SUBSCRIBE, 2 + 2 + strlen(topic) + 1);
    put_u16(c, id);
    put_text(c, topic);
    put_u8(c, 1);
}

void mqtt_put_publish(load_conn *c, uint16_t id, const char *topic,
                      const char *body, size_t len)
{
    put_head(c, PUBLISH_QOS1, 2 + strlen(topic) + 2 + len);
    put_text(c, topic);
    put_u16(c, id);
    load_put(c, body, len);
}

void mqtt_put_puback(load_conn *c, uint16_t id)
{
    put_head(c, PUBACK, 2);
    put_u16(c, id);
}

void mqtt_put_ping(load_conn *c)
{
    put_head(c, PINGREQ, 0);
}

/* --- in ------------------------------------------------------------------- */

static uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* Of the packet's body, p[0..len). */
static void read_body(mqtt_packet *out, unsigned first, const uint8_t *p,
                      size_t len)
{
    size_t topic;
    switch (out->type) {
    case MQTT_PUBLISH:
        topic = len < 2 ? len : get_u16(p);
        if ((first & 6) != 2 || len < 4 || topic > len - 4)
            load_die("a message not of QoS 1, or malformed");
        out->id = get_u16(p + 2 + topic);
        out->payload = (const char *)p + 4 + topic;
        out->payload_len = len - 4 - topic;
        break;
    case MQTT_PUBACK:
    case MQTT_SUBACK:
    case MQTT_CONNACK:
        if (len < (out->type == MQTT_SUBACK ? 3U : 2U))
            load_die("a malformed packet");
        out->id = get_u16(p);
        if (out->type != MQTT_PUBACK)
            out->code = p[len - 1];
        break;
    default:
        break;
    }
}

size_t mqtt_take(mqtt_packet *out, const char *p, size_t len)
{
    const uint8_t *in = (const uint8_t *)p;
    size_t remaining = 0, at = 1;
    do {
        if (at > LENGTH_MAX)
            load_die("a malformed length");
        if (at >= len)
            return 0;
        remaining |= (size_t)(in[at] & 0x7f) << (7 * (at - 1));
    } while ((in[at++] & 0x80) != 0);
    if (remaining > len - at)
        return 0;
    *out = (mqtt_packet){ .type = in[0] >> 4 };
    read_body(out, in[0], in + at, remaining);
    return at + remaining;
}
