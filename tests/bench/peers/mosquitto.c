/* bench_mosquitto: Mosquitto at QoS 1 under the load of load.h. A queue is the
 * session of a recipient who subscribed to a topic and left. The standard has
 * no answer to a recipient's PUBACK, so a PINGREQ follows, one at a time: its
 * answer says that the broker has read what came before. */
#include <stdio.h>

#include "tests/bench/peers/load.h"
#include "tests/bench/peers/mqtt.h"

enum { NAME = 32 };

typedef struct own {
    char topic[NAME];
    uint16_t id[LOAD_WINDOW_MAX]; /* by slot; never 0 */
    uint16_t last;                /* id given last */
    size_t acked;                 /* since the ping under way */
    size_t pinged;                /* before it; 0: none is under way */
} own;

static void connect_as(load_conn *c)
{
    char client[NAME];
    (void)snprintf(client, sizeof client, "%c%zu", c->sender ? 's' : 'r',
                   c->index);
    mqtt_put_connect(c, client);
}

/* Mail comes as soon as a recipient says who it is: not before receive(). */
static void greet(load_conn *c)
{
    own *o = c->own;
    (void)snprintf(o->topic, sizeof o->topic, "q/%zu", c->index);
    o->acked = o->pinged = 0;
    if (c->sender || load_now() == LOAD_MAKE)
        connect_as(c);
    else
        load_ready(c);
}

static void publish(load_conn *c, const char *body, size_t len, uint32_t slot)
{
    own *o = c->own;
    o->last = o->last == UINT16_MAX ? 1 : (uint16_t)(o->last + 1);
    o->id[slot] = o->last;
    mqtt_put_publish(c, o->last, o->topic, body, len);
}

static void ping(load_conn *c)
{
    own *o = c->own;
    if (o->pinged > 0 || o->acked == 0)
        return;
    o->pinged = o->acked;
    o->acked = 0;
    mqtt_put_ping(c);
}

static void on_connected(load_conn *c, const mqtt_packet *p)
{
    const own *o = c->own;
    if (p->code != 0)
        load_die("no connection");
    if (c->sender)
        load_ready(c);
    else if (load_now() == LOAD_MAKE)
        mqtt_put_subscribe(c, 1, o->topic);
}

static void on_message(load_conn *c, const mqtt_packet *p)
{
    own *o = c->own;
    load_arrived(p->payload, p->payload_len);
    mqtt_put_puback(c, p->id);
    o->acked++;
    ping(c);
}

static void on_pong(load_conn *c)
{
    own *o = c->own;
    const size_t forgotten = o->pinged;
    o->pinged = 0;
    load_forgotten(forgotten);
    ping(c);
}

static size_t take(load_conn *c, const char *bytes, size_t len)
{
    const own *o = c->own;
    mqtt_packet p;
    const size_t took = mqtt_take(&p, bytes, len);
    if (took == 0)
        return 0;
    if (p.type == MQTT_CONNACK) {
        on_connected(c, &p);
    } else if (p.type == MQTT_SUBACK && p.code == 1) {
        load_ready(c);
    } else if (p.type == MQTT_PUBLISH) {
        on_message(c, &p);
    } else if (p.type == MQTT_PINGRESP) {
        on_pong(c);
    } else if (p.type == MQTT_PUBACK && c->sender) {
        if (p.id != o->id[load_oldest(c)])
            load_die("an answer out of order");
        load_stored(c);
    } else {
        load_die("an unexpected packet");
    }
    return took;
}

int main(int argc, char **argv)
{
    static const load_peer peer = { .name = "mosquitto",
                                    .own = sizeof(own),
                                    .greet = greet,
                                    .publish = publish,
                                    .receive = connect_as,
                                    .take = take };
    return load_main(argc, argv, &peer);
}
