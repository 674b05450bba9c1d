/* A client that talks to a queue on a relay R by parcels only, for integration
 * tests:
 *
 *   sealed ENTRY RELAY create FILE
 *   sealed ENTRY RELAY deposit FILE FROM COUNT
 *   sealed ENTRY RELAY fetch FILE
 *
 * ENTRY is the address of the relay spoken to, RELAY that of R. Where they are
 * the same parcels are brought to R itself, else ENTRY forwards them; R's
 * descriptor is asked for there, too. `create` makes a queue and writes all
 * that is to be known of it to FILE; `deposit` puts numbered messages into it;
 * `fetch` empties it and prints the numbers.
 * Every other line on standard output tells what was sent, for tests that look
 * for it where it must not be:  NAME HEX
 * One parcel is under way at a time. It is sent again where it is put off, and
 * the end is an error after a minute without an answer.
 */
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/carrier/sysenv.h"
#include "proto/carrier/uvlink.h"
#include "proto/parcel/parcel.h"
#include "proto/roster/descriptor.h"

enum { TRY_MS = 100, PATIENCE_MS = 60000, SHOWN = 64 };

/* What FILE holds. */
typedef struct queue {
    uint8_t seed[32];
    uint8_t capability[32];
    uint8_t recv_id[32];
    uint8_t send_id[32];
} queue;

typedef enum task { CREATE, DEPOSIT, FETCH } task;

typedef struct sealed {
    uv_loop_t loop;
    uv_timer_t timer;
    pn_env env;
    pn_uvhub *hub;
    pn_uvlink *link;
    pn_address entry, relay;
    pn_msg_scratch scratch;
    task task;
    queue q;
    unsigned long next, last;
    uint8_t onion[PN_XWING_PK_BYTES];
    bool has_onion;
    pn_parcel_reply reply;
    uint8_t cursor[PN_PARCEL_CURSOR_BYTES];
    uint8_t parcel[PN_PARCEL_MAX];
    size_t parcel_len; /* 0: none is under way */
    uint64_t id;
    uint64_t since_ms;
    bool again; /* at the timer's next turn */
    bool done;
    uint8_t message_id[PN_MESSAGE_ID_BYTES];
    uint8_t plain[PN_REPLY_PLAIN_MAX];
    uint8_t frame[PN_MSG_MAX];
} sealed;

static void die(const char *why)
{
    (void)fprintf(stderr, "sealed: %s\n", why);
    exit(1);
}

static void must(bool fine, const char *why)
{
    if (!fine)
        die(why);
}

static void show(const char *name, const uint8_t *p, size_t len)
{
    char hex[2 * SHOWN + 1];
    len = len < SHOWN ? len : SHOWN;
    (void)sodium_bin2hex(hex, sizeof hex, p, len);
    (void)printf("%s %s\n", name, hex);
}

static void send_msg(sealed *s, const pn_msg *m)
{
    pn_out out = pn_out_over(s->frame, sizeof s->frame);
    must(pn_msg_encode(&out, m) == PN_OK, "encode");
    must(pn_uvlink_send(s->link, pn_out_view(&out)) == PN_OK, "send");
}

static void send_parcel(sealed *s)
{
    const pn_bytes parcel = { s->parcel, s->parcel_len };
    pn_msg m = { .id = ++s->id, .kind = PN_MSG_FORWARD };
    if (s->link == NULL || !pn_uvlink_is_open(s->link))
        return;
    m.u.forward = (pn_msg_forward){ .destination = { s->relay.relay_key, 32 },
                                    .expires_days = 21,
                                    .priority = PN_PRIORITY_NORMAL,
                                    .parcel = parcel };
    if (memcmp(s->entry.relay_key, s->relay.relay_key, 32) == 0) {
        m.kind = PN_MSG_PARCEL;
        m.u.parcel = (pn_msg_parcel){ PN_PRIORITY_NORMAL, parcel };
    }
    s->again = false;
    send_msg(s, &m);
}

static void ask_descriptor(sealed *s)
{
    const pn_msg m = { .id = ++s->id,
                       .kind = PN_MSG_DESCRIPTOR_REQUEST,
                       .u.descriptor_request.relay_key = { s->relay.relay_key,
                                                           32 } };
    s->again = false;
    send_msg(s, &m);
}

/* --- commands ------------------------------------------------------------- */

static void seal(sealed *s, const pn_parcel_command *cmd)
{
    uint8_t pk[32], sk[64];
    const pn_parcel_to to = { s->relay.relay_key, s->onion };
    (void)crypto_sign_seed_keypair(pk, sk, s->q.seed);
    must(pn_parcel_seal(&s->env, &to, cmd,
                        cmd->kind == PN_PARCEL_DEPOSIT ? NULL : sk, s->parcel,
                        sizeof s->parcel, &s->parcel_len, &s->reply) == PN_OK,
         "seal");
    show("parcel", s->parcel + 5, SHOWN);
    s->since_ms = pn_mono_ms(&s->env);
    send_parcel(s);
}

static void create(sealed *s)
{
    uint8_t pk[32], sk[64], hash[32];
    pn_parcel_command cmd = { .kind = PN_PARCEL_CREATE };
    randombytes_buf(&s->q, sizeof s->q);
    (void)crypto_sign_seed_keypair(pk, sk, s->q.seed);
    (void)crypto_generichash(hash, 32, s->q.capability, 32, NULL, 0);
    cmd.u.create = (pn_parcel_create){ .queue_key = { pk, 32 },
                                       .deposit_hash = { hash, 32 },
                                       .ttl_days = 21 };
    show("queue_key", pk, sizeof pk);
    seal(s, &cmd);
}

static void deposit(sealed *s)
{
    static uint8_t envelope[896];
    pn_parcel_command cmd = { .kind = PN_PARCEL_DEPOSIT };
    randombytes_buf(envelope, sizeof envelope);
    memset(s->message_id, 0, sizeof s->message_id);
    memcpy(s->message_id, &s->next, sizeof s->next);
    randombytes_buf(s->message_id + 8, 8);
    cmd.u.deposit =
        (pn_msg_deposit){ .send_id = { s->q.send_id, 32 },
                          .capability = { s->q.capability, 32 },
                          .message_id = { s->message_id, 16 },
                          .priority = PN_PRIORITY_NORMAL,
                          .envelope = { envelope, sizeof envelope } };
    show("envelope", envelope, SHOWN);
    show("message_id", s->message_id, sizeof s->message_id);
    show("send_id", s->q.send_id, 32);
    seal(s, &cmd);
}

static void fetch(sealed *s, bool ack)
{
    pn_parcel_command cmd = { .kind = PN_PARCEL_FETCH };
    cmd.u.manage = (pn_parcel_manage){
        .recv_id = { s->q.recv_id, 32 },
        .message_ids = { s->message_id, ack ? sizeof s->message_id : 0 },
        .cursor = { s->cursor, sizeof s->cursor },
    };
    show("recv_id", s->q.recv_id, 32);
    seal(s, &cmd);
}

static void begin(sealed *s)
{
    if (s->task == CREATE)
        create(s);
    else if (s->task == FETCH)
        fetch(s, false);
    else if (s->next < s->last)
        deposit(s);
    else
        s->done = true;
}

/* --- answers -------------------------------------------------------------- */

static void on_answer(sealed *s, const pn_parcel_answer *a)
{
    s->parcel_len = 0;
    switch (s->task) {
    case CREATE:
        must(a->status == PN_PARCEL_OK, "not created");
        memcpy(s->q.recv_id, a->u.created.recv_id.p, 32);
        memcpy(s->q.send_id, a->u.created.send_id.p, 32);
        s->done = true;
        return;
    case DEPOSIT:
        must(a->status == PN_PARCEL_OK || a->status == PN_PARCEL_DUPLICATE,
             "not stored");
        s->next++;
        begin(s);
        return;
    case FETCH:
        if (a->status == PN_PARCEL_EMPTY) {
            s->done = true;
            return;
        }
        must(a->status == PN_PARCEL_OK, "not fetched");
        memcpy(s->message_id, a->u.fetched.message_id.p, 16);
        memcpy(s->cursor, a->u.fetched.cursor.p, sizeof s->cursor);
        memcpy(&s->next, s->message_id, sizeof s->next);
        (void)printf("got %lu\n", s->next);
        fetch(s, true);
        return;
    }
}

static void on_reply(sealed *s, pn_parcel_outcome outcome, pn_bytes reply)
{
    pn_parcel_answer a;
    if (outcome == PN_PARCEL_BUSY) {
        s->again = true;
        return;
    }
    must(outcome == PN_PARCEL_DONE, "refused");
    show("reply", reply.p, SHOWN);
    /* An answer to an earlier copy of the parcel is as good. */
    if (s->parcel_len > 0 &&
        pn_parcel_reply_open(&a, &s->reply, reply, s->plain, sizeof s->plain) ==
            PN_OK)
        on_answer(s, &a);
}

static void on_descriptor(sealed *s, pn_bytes descriptor)
{
    const pn_descriptor_onion *onion;
    pn_descriptor d;
    if (descriptor.len == 0) {
        s->again = true;
        return;
    }
    must(pn_descriptor_verify(&d, descriptor, s->relay.relay_key,
                              pn_wall_ms(&s->env)) == PN_OK,
         "descriptor");
    onion = pn_descriptor_onion_at(&d, pn_wall_ms(&s->env));
    must(onion != NULL, "no onion key");
    memcpy(s->onion, onion->pk, sizeof s->onion);
    s->has_onion = true;
    begin(s);
}

static pn_err on_frame(void *ctx, pn_uvlink *link, pn_bytes frame)
{
    sealed *s = ctx;
    pn_msg m;
    const pn_err err = pn_msg_decode(&m, &s->scratch, frame);
    (void)link;
    if (err == PN_OK && m.kind == PN_MSG_DESCRIPTOR)
        on_descriptor(s, m.u.descriptor.descriptor);
    else if (err == PN_OK && m.kind == PN_MSG_PARCEL_RESULT)
        on_reply(s, m.u.parcel_result.outcome, m.u.parcel_result.reply);
    else if (err == PN_OK && m.kind == PN_MSG_FORWARD_REPLY)
        on_reply(s, m.u.forward_reply.outcome, m.u.forward_reply.reply);
    else if (err == PN_OK && m.kind == PN_MSG_FORWARD_RESULT &&
             m.u.forward_result.status > PN_FORWARD_DUPLICATE)
        s->again = true;
    pn_msg_scratch_release(&s->scratch);
    return err;
}

static void resume(sealed *s)
{
    if (!s->has_onion)
        ask_descriptor(s);
    else if (s->parcel_len > 0)
        send_parcel(s);
}

static void on_open(void *ctx, pn_uvlink *link)
{
    (void)link;
    resume(ctx);
}

static void on_closed(void *ctx, pn_uvlink *link, pn_close_reason reason)
{
    sealed *s = ctx;
    (void)link;
    (void)reason;
    s->link = NULL; /* the timer dials again */
}

static const pn_uvlink_events events = { .on_open = on_open,
                                         .on_frame = on_frame,
                                         .on_closed = on_closed };

static void dial(sealed *s)
{
    static const pn_link_offer offer = { .version_min = 1,
                                         .version_max = 1,
                                         .record_size = 4096,
                                         .features = PN_LINK_FEATURE_PARCELS };
    (void)!pn_uvlink_dial(&s->link, s->hub, &s->entry, &offer, NULL, &events,
                          s);
}

static void on_timer(uv_timer_t *timer)
{
    sealed *s = timer->data;
    if (s->done) {
        uv_close((uv_handle_t *)timer, NULL);
        pn_uvhub_stop(s->hub, PN_BYE_DONE, NULL, NULL);
        return;
    }
    must(pn_mono_ms(&s->env) - s->since_ms < PATIENCE_MS, "no answer");
    if (s->link == NULL)
        dial(s);
    else if (s->again && pn_uvlink_is_open(s->link))
        resume(s);
}

static void keep(const sealed *s, const char *path)
{
    FILE *f = fopen(path, "wb");
    must(f != NULL && fwrite(&s->q, sizeof s->q, 1, f) == 1 && fclose(f) == 0,
         "cannot write the file");
}

static void recall(sealed *s, const char *path)
{
    FILE *f = fopen(path, "rb");
    must(f != NULL && fread(&s->q, sizeof s->q, 1, f) == 1,
         "cannot read the file");
    (void)fclose(f);
}

static void parse(sealed *s, int argc, char **argv)
{
    must(argc >= 5, "usage: sealed ENTRY RELAY TASK FILE [FROM COUNT]");
    must(pn_address_parse_text(&s->entry, argv[1], NULL) == PN_OK &&
             pn_address_parse_text(&s->relay, argv[2], NULL) == PN_OK,
         "address");
    s->task = strcmp(argv[3], "create") == 0    ? CREATE
              : strcmp(argv[3], "deposit") == 0 ? DEPOSIT
                                                : FETCH;
    if (s->task != CREATE)
        recall(s, argv[4]);
    if (s->task == DEPOSIT) {
        must(argc == 7, "deposit wants FROM and COUNT");
        s->next = strtoul(argv[5], NULL, 10);
        s->last = s->next + strtoul(argv[6], NULL, 10);
    }
}

int main(int argc, char **argv)
{
    static sealed s;
    pn_uvhub_options options = PN_UVHUB_OPTIONS_INIT;
    must(sodium_init() >= 0 && signal(SIGPIPE, SIG_IGN) != SIG_ERR, "start");
    s.env = pn_sysenv(NULL, NULL);
    pn_msg_scratch_init(&s.scratch);
    parse(&s, argc, argv);
    s.since_ms = pn_mono_ms(&s.env);
    must(uv_loop_init(&s.loop) == 0 &&
             pn_uvhub_new(&s.hub, &s.loop, &s.env, &options) == PN_OK &&
             uv_timer_init(&s.loop, &s.timer) == 0,
         "loop");
    s.timer.data = &s;
    (void)uv_timer_start(&s.timer, on_timer, 0, TRY_MS);
    (void)uv_run(&s.loop, UV_RUN_DEFAULT);
    if (s.task == CREATE)
        keep(&s, argv[4]);
    return uv_loop_close(&s.loop) == 0 ? 0 : 1;
}
