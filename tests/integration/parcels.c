/* A client that forwards numbered parcels through its entry relay, for
 * integration tests:
 *
 *   parcels ADDRESS DESTINATION FROM COUNT CLASS PRIORITY [DAYS]
 *
 * ADDRESS is the entry relay, DESTINATION the address of the relay that shall
 * open them; CLASS xs, s, m or l; PRIORITY 1 to 3. Each parcel is sent until it
 * was accepted, again after `busy`, `quota` and a lost link. Then it waits for
 * the replies. What parcels carry is their number and otherwise noise: only
 * far.c can open them.
 *
 * Prints a line of counts when all are accepted, for every line on standard
 * input, and when all were replied to; ends at its input's end.
 */
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/carrier/sysenv.h"
#include "proto/carrier/uvlink.h"

enum { AT_ONCE = 64, ENC_AT = 1 + PN_KEY_ID_BYTES };

typedef enum stage { UNSENT, SENT, ACCEPTED, REPLIED } stage;

typedef struct parcels {
    uv_loop_t loop;
    uv_pipe_t input;
    uv_timer_t timer;
    pn_env env;
    pn_uvhub *hub;
    pn_uvlink *link;
    pn_address entry, destination;
    pn_msg_scratch scratch;
    unsigned long from, count, class, priority, days;
    unsigned long sent, results[PN_FORWARD_EXPIRED + 1], replies, refused;
    unsigned long under_way, accepted, lost;
    unsigned long next; /* all before it are not to be sent now */
    uint8_t *stages;    /* count */
    bool told, told_replies;
    uint8_t parcel[PN_PARCEL_MAX];
    uint8_t frame[PN_MSG_MAX];
    char line[64];
} parcels;

static const size_t sizes[] = { 896, 3968, 16256, 65088 };

static void report(const parcels *p)
{
    (void)printf("accepted %lu stored %lu duplicate %lu unknown %lu quota %lu "
                 "busy %lu replies %lu refused %lu lost %lu\n",
                 p->accepted, p->results[PN_FORWARD_ACCEPTED],
                 p->results[PN_FORWARD_DUPLICATE],
                 p->results[PN_FORWARD_UNKNOWN], p->results[PN_FORWARD_QUOTA],
                 p->results[PN_FORWARD_BUSY], p->replies, p->refused, p->lost);
    (void)fflush(stdout);
}

static bool send_one(parcels *p, unsigned long i)
{
    pn_out number = pn_out_over(p->parcel + ENC_AT, 8);
    pn_out out = pn_out_over(p->frame, sizeof p->frame);
    const pn_msg m = { .id = i + 1,
                       .kind = PN_MSG_FORWARD,
                       .u.forward = {
                           .destination = { p->destination.relay_key, 32 },
                           .expires_days = (uint32_t)p->days,
                           .priority = (pn_priority)p->priority,
                           .parcel = { p->parcel, sizes[p->class] +
                                                      PN_PARCEL_OVERHEAD } } };
    p->parcel[0] = (uint8_t)p->class;
    pn_put_u64(&number, p->from + i);
    if (pn_msg_encode(&out, &m) != PN_OK)
        abort();
    return pn_uvlink_send(p->link, pn_out_view(&out)) == PN_OK;
}

static void fill(parcels *p)
{
    if (p->link == NULL || !pn_uvlink_is_open(p->link))
        return;
    for (; p->next < p->count && p->under_way < AT_ONCE; p->next++) {
        if (p->stages[p->next] != UNSENT)
            continue;
        if (!send_one(p, p->next))
            return;
        p->stages[p->next] = SENT;
        p->under_way++;
    }
}

static void tell(parcels *p)
{
    if (p->accepted == p->count && !p->told) {
        p->told = true;
        report(p);
    }
    if (p->replies == p->count && !p->told_replies) {
        p->told_replies = true;
        report(p);
    }
}

static void on_result(parcels *p, const pn_msg *m)
{
    const unsigned long i = (unsigned long)m->id - 1;
    const pn_forward_status s = m->u.forward_result.status;
    if (i >= p->count || p->stages[i] != SENT)
        abort();
    p->results[s]++;
    p->under_way--;
    if (s == PN_FORWARD_ACCEPTED || s == PN_FORWARD_DUPLICATE) {
        p->stages[i] = ACCEPTED;
        p->accepted++;
    } else {
        p->stages[i] = UNSENT; /* the timer tries again */
    }
}

static pn_err on_frame(void *ctx, pn_uvlink *link, pn_bytes frame)
{
    parcels *p = ctx;
    pn_msg m;
    pn_err err = pn_msg_decode(&m, &p->scratch, frame);
    (void)link;
    if (err == PN_OK && m.kind == PN_MSG_FORWARD_RESULT) {
        on_result(p, &m);
        if (m.u.forward_result.retry_after_ms == 0)
            fill(p);
    } else if (err == PN_OK && m.kind == PN_MSG_FORWARD_REPLY) {
        p->replies++;
        p->refused += m.u.forward_reply.outcome == PN_PARCEL_REFUSED;
    }
    pn_msg_scratch_release(&p->scratch);
    tell(p);
    return err;
}

static void on_open(void *ctx, pn_uvlink *link)
{
    (void)link;
    fill(ctx);
}

static void on_closed(void *ctx, pn_uvlink *link, pn_close_reason reason)
{
    parcels *p = ctx;
    (void)link;
    (void)reason;
    p->link = NULL;
    p->lost++;
    for (unsigned long i = 0; i < p->count; i++)
        if (p->stages[i] == SENT)
            p->stages[i] = UNSENT;
    p->under_way = 0;
    p->next = 0;
}

static const pn_uvlink_events events = { .on_open = on_open,
                                         .on_frame = on_frame,
                                         .on_writable = on_open,
                                         .on_closed = on_closed };

static void dial(parcels *p)
{
    static const pn_link_offer offer = { .version_min = 1,
                                         .version_max = 1,
                                         .record_size = 4096,
                                         .features = PN_LINK_FEATURE_PARCELS };
    (void)!pn_uvlink_dial(&p->link, p->hub, &p->entry, &offer, NULL, &events,
                          p);
}

static void on_timer(uv_timer_t *timer)
{
    parcels *p = timer->data;
    if (p->link == NULL) {
        dial(p);
    } else {
        p->next = 0; /* what was refused for now too */
        fill(p);
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    parcels *p = handle->data;
    (void)suggested;
    *out = uv_buf_init(p->line, sizeof p->line);
}

static void on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    parcels *p = stream->data;
    (void)buf;
    if (n >= 0) {
        report(p);
        return;
    }
    uv_close((uv_handle_t *)stream, NULL);
    uv_close((uv_handle_t *)&p->timer, NULL);
    pn_uvhub_stop(p->hub, PN_BYE_NONE, NULL, NULL);
}

static bool read_number(const char *text, unsigned long *out)
{
    char *end;
    *out = strtoul(text, &end, 10);
    return *text != 0 && *end == 0 && *out <= 10000000;
}

static bool read_args(parcels *p, int argc, char **argv)
{
    static const char *const names[] = { "xs", "s", "m", "l" };
    p->days = 21;
    if (argc < 7 || argc > 8)
        return false;
    while (p->class < 4 && strcmp(argv[5], names[p->class]) != 0)
        p->class ++;
    return p->class < 4 &&
           pn_address_parse_text(&p->entry, argv[1], NULL) == PN_OK &&
           pn_address_parse_text(&p->destination, argv[2], NULL) == PN_OK &&
           read_number(argv[3], &p->from) && read_number(argv[4], &p->count) &&
           read_number(argv[6], &p->priority) &&
           (argc < 8 || read_number(argv[7], &p->days));
}

int main(int argc, char **argv)
{
    static parcels p;
    p.env = pn_sysenv(NULL, NULL);
    pn_msg_scratch_init(&p.scratch);
    if (!read_args(&p, argc, argv)) {
        (void)fputs("usage: parcels ADDRESS DESTINATION FROM COUNT CLASS "
                    "PRIORITY [DAYS]\n",
                    stderr);
        return 2;
    }
    p.stages = calloc(p.count + 1, 1);
    if (p.stages == NULL || sodium_init() < 0 ||
        signal(SIGPIPE, SIG_IGN) == SIG_ERR || uv_loop_init(&p.loop) != 0 ||
        pn_uvhub_new(&p.hub, &p.loop, &p.env, NULL) != PN_OK ||
        uv_timer_init(&p.loop, &p.timer) != 0 ||
        uv_pipe_init(&p.loop, &p.input, 0) != 0 ||
        uv_pipe_open(&p.input, STDIN_FILENO) != 0)
        return 1;
    randombytes_buf(p.parcel, sizeof p.parcel);
    p.input.data = &p;
    p.timer.data = &p;
    dial(&p);
    if (uv_timer_start(&p.timer, on_timer, 200, 200) != 0 ||
        uv_read_start((uv_stream_t *)&p.input, on_alloc, on_input) != 0)
        return 1;
    (void)uv_run(&p.loop, UV_RUN_DEFAULT);
    free(p.stages);
    return 0;
}
