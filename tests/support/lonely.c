#include "tests/support/lonely.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/roster/descriptor.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/enginesim.h"
#include "tests/support/relaysim.h"
#include "tests/support/waysim.h"

enum { LETTERS_MAX = 32 };

static struct {
    simenv sim;
    memstore store;
} moments[LONELY_MOMENTS];

static lonely_letter letters[LETTERS_MAX];
static size_t letter_count;

/* --- taking it out -------------------------------------------------------- */

static void keep(lonely_moment moment, const simenv *sim, cl_engine *e,
                 const memstore *store)
{
    FUZZ_CHECK(cl_engine_commit(e) == PN_OK);
    FUZZ_CHECK(memstore_is_clean(store));
    moments[moment].sim = *sim;
    memstore_copy(&moments[moment].store, store);
}

static void keep_of(lonely_moment moment, const relaysim *w, size_t i)
{
    keep(moment, &w->people[i].sim, w->people[i].engine, &w->people[i].store);
}

/* Person 0's deposits, as they pass. */
static bool note_deposit(void *ctx, size_t i, size_t r, const pn_msg *msg)
{
    const pn_msg_deposit *d = &msg->u.deposit;
    lonely_letter *l = &letters[letter_count];
    (void)r;
    if (i != 0 || msg->kind != PN_MSG_DEPOSIT || letter_count == LETTERS_MAX)
        return false;
    l->moment = *(const lonely_moment *)ctx;
    memcpy(l->send_id, d->send_id.p, sizeof l->send_id);
    memcpy(l->message_id, d->message_id.p, sizeof l->message_id);
    l->priority = d->priority;
    l->len = d->envelope.len;
    l->envelope = malloc(l->len);
    FUZZ_CHECK(l->envelope != NULL);
    memcpy(l->envelope, d->envelope.p, l->len);
    letter_count++;
    return false;
}

static void invite(const relaysim *w, cl_invitation_form form, const char *name,
                   uint8_t id[CL_ID_BYTES])
{
    FUZZ_CHECK(cl_invite_create(w->people[0].engine, form, name, 0, id) ==
               PN_OK);
}

static void accept(relaysim *w, const uint8_t id[CL_ID_BYTES], const char *name)
{
    cl_invite_view *view = calloc(1, sizeof *view);
    uint8_t unused[CL_ID_BYTES];
    FUZZ_CHECK(view != NULL);
    FUZZ_CHECK(cl_invite_get(w->people[0].engine, id, view) == PN_OK);
    FUZZ_CHECK(view->state == CL_INVITE_OPEN);
    FUZZ_CHECK(cl_invite_accept(
                   w->people[1].engine,
                   (pn_bytes){ (uint8_t *)view->text, strlen(view->text) },
                   name, unused) == PN_OK);
    free(view);
}

/* Whether lines pass anything. */
static void set_lines(relaysim *w, size_t i, bool cut)
{
    for (size_t r = 0; r < w->relays; r++) {
        w->people[i].line[r].cut = cut;
        if (cut)
            relaysim_cut(w, i, r);
    }
}

static void say(const relaysim *w, size_t from, const char *name,
                const char *text)
{
    const pn_bytes bytes = { (const uint8_t *)text, strlen(text) };
    const cl_send what = {
        .text = name == NULL ? bytes : (pn_bytes){ 0 },
        .file_name = name == NULL
                         ? (pn_bytes){ 0 }
                         : (pn_bytes){ (const uint8_t *)name, strlen(name) },
        .file_type =
            name == NULL ? (pn_bytes){ 0 } : PN_BYTES_LIT("text/plain"),
        .file_bytes = name == NULL ? (pn_bytes){ 0 } : bytes,
        .priority = PN_PRIORITY_NORMAL
    };
    uint8_t id[CL_ID_BYTES];
    FUZZ_CHECK(cl_outbox_send(w->people[from].engine, "peer", &what, id) ==
               PN_OK);
}

static void read_all(const relaysim *w, size_t who)
{
    cl_event event;
    while (cl_event_next(w->people[who].engine, &event) == PN_OK)
        FUZZ_CHECK(cl_event_ack(w->people[who].engine, event.sequence) ==
                   PN_OK);
}

/* --- what happens --------------------------------------------------------- */

static void meet(relaysim *w)
{
    uint8_t link[CL_ID_BYTES], offline[CL_ID_BYTES], other[CL_ID_BYTES];
    w->on_up = note_deposit;
    w->hook_ctx = &(lonely_moment){ LONELY_FETCHING };
    invite(w, CL_INVITATION_LINK, "peer", link);
    invite(w, CL_INVITATION_OFFLINE, "", offline);
    relaysim_run(w, MINUTE_MS);
    w->on_up = NULL;
    set_lines(w, 1, true);
    accept(w, link, "peer");
    keep_of(LONELY_FETCHING, w, 1);
    accept(w, offline, "early"); /* the same person, who is known then */
    keep_of(LONELY_ANSWERING, w, 1);
    set_lines(w, 1, false);
    relaysim_run(w, MINUTE_MS);
    invite(w, CL_INVITATION_LINK, "nobody", other);
    invite(w, CL_INVITATION_LINK, "second", link);
    invite(w, CL_INVITATION_OFFLINE, "third", offline);
    relaysim_run(w, MINUTE_MS);
    FUZZ_CHECK(cl_invite_revoke(w->people[0].engine, other) == PN_OK);
    set_lines(w, 0, true);
    invite(w, CL_INVITATION_LINK, "fourth", other);
    relaysim_pump(w, 0);
    keep_of(LONELY_INVITING, w, 0);
}

/* The first contact of an acceptance, with what only our own end has seen. */
static void meet_alone(relaysim *w)
{
    uint8_t offline[CL_ID_BYTES];
    invite(w, CL_INVITATION_LINK, "", offline);
    relaysim_run(w, MINUTE_MS);
    accept(w, offline, "alone");
    for (unsigned n = 0; n < 100 && w->people[1].engine->contact_count == 0;
         n++) {
        relaysim_pump(w, 1);
        for (size_t r = 0; r < w->relays; r++) {
            while (relaysim_up(w, 1, r))
                continue;
            relaysim_relay_work(w, r);
            while (w->people[1].engine->contact_count == 0 &&
                   relaysim_down(w, 1, r))
                relaysim_pump(w, 1);
        }
        relaysim_advance(w, 50);
    }
    FUZZ_CHECK(w->people[1].engine->contact_count == 1);
    keep_of(LONELY_MET, w, 1);
}

static void talk(relaysim *w)
{
    relaysim_meet(w, CL_INVITATION_LINK);
    relaysim_run(w, 20 * MINUTE_MS);
    read_all(w, 0);
    read_all(w, 1);
    set_lines(w, 1, true);
    w->on_up = note_deposit;
    w->hook_ctx = &(lonely_moment){ LONELY_EXPECTING };
    say(w, 0, NULL, "hello");
    say(w, 0, "letter.txt", "a letter");
    relaysim_run(w, SECOND_MS);
    w->on_up = NULL;
    keep_of(LONELY_EXPECTING, w, 1);
    set_lines(w, 0, true);
    say(w, 0, NULL, "and more");
    say(w, 0, NULL, "and more yet");
    keep_of(LONELY_WAITING, w, 0);
    set_lines(w, 0, false);
    set_lines(w, 1, false);
    relaysim_run(w, SECOND_MS);
    {
        cl_event event;
        FUZZ_CHECK(cl_event_next(w->people[1].engine, &event) == PN_OK);
        FUZZ_CHECK(cl_event_ack(w->people[1].engine, event.sequence) == PN_OK);
        FUZZ_CHECK(cl_event_next(w->people[1].engine, &event) == PN_OK);
    }
    keep_of(LONELY_HOLDING, w, 1);
    set_lines(w, 1, true);
    FUZZ_CHECK(cl_contact_remove(w->people[1].engine, "peer") == PN_OK);
    keep_of(LONELY_REMOVED, w, 1);
}

/* Person 2 writes in person 0's place to person 1, as who has stolen a
 * telephone could. */
static void steal(enginesim *w)
{
    const cl_contact *of;
    cl_engine *thief = w->people[2].engine;
    cl_queue_ref ref;
    enginesim_meet(w, 0, 1, CL_INVITATION_LINK);
    enginesim_meet(w, 0, 2, CL_INVITATION_LINK);
    enginesim_meet(w, 2, 1, CL_INVITATION_LINK);
    enginesim_run(w, 15 * MINUTE_MS);
    of = cl_contact_find(w->people[1].engine, "peer 0");
    cl_queue_ref_of(&ref, of->queues[0]);
    FUZZ_CHECK(cl_contact_set_routes(thief, cl_contact_find(thief, "peer 0"),
                                     &ref, 1, 0) == PN_OK);
    FUZZ_CHECK(cl_save_contact(thief, cl_contact_find(thief, "peer 0")) ==
               PN_OK);
    FUZZ_CHECK(cl_engine_restored(thief) == PN_OK);
    FUZZ_CHECK(cl_engine_commit(thief) == PN_OK);
    enginesim_run(w, MINUTE_MS);
    FUZZ_CHECK(of->session == CL_SESSION_BLOCKED);
    keep(LONELY_CHANGED, &w->people[1].sim, w->people[1].engine,
         &w->people[1].store);
}

/* What a relay has said of itself, signed with a key of the test's. */
static void put_descriptor(memstore *m, uint64_t now_ms)
{
    static const uint8_t seed[32] = { 5 }, onion[PN_XWING_PK_BYTES] = { 9 };
    static const uint8_t operator_id[PN_OPERATOR_ID_BYTES] = { 1 };
    static uint8_t out[PN_DESCRIPTOR_BYTES_MAX];
    uint8_t pk[32], sk[64];
    const cl_store store = memstore_port(m);
    pn_descriptor d = { .sequence = 1,
                        .from_ms = now_ms - MINUTE_MS,
                        .until_ms = now_ms + 40 * cl_day_ms,
                        .limits = { 3, 21, 21, PN_ACCESS_OPEN, 64, 1 << 20 },
                        .operator_id = operator_id,
                        .onion_count = 1 };
    size_t len;
    (void)crypto_sign_seed_keypair(pk, sk, seed);
    d.relay_key = pk;
    d.onions[0] = (pn_descriptor_onion){ .pk = onion,
                                         .from_ms = d.from_ms,
                                         .until_ms = d.until_ms };
    FUZZ_CHECK(pn_descriptor_sign(&d, sk, out, sizeof out, &len) == PN_OK);
    FUZZ_CHECK(store.put(store.ctx, CL_TABLE_DESCRIPTOR, CL_VIEW(pk),
                         (pn_bytes){ out, len }) == PN_OK);
    FUZZ_CHECK(store.commit(store.ctx) == PN_OK);
}

static void begin_new(void)
{
    pn_address address = { .kind = PN_HOST_NAME, .port = 443 };
    lonely l = { .sim.loud = false };
    cl_store store;
    simenv_init(&l.sim, 3);
    l.env = simenv_env(&l.sim);
    memcpy(address.host, "relay.example", sizeof "relay.example");
    memset(address.relay_key, 8, sizeof address.relay_key);
    memstore_init(&l.store);
    store = memstore_port(&l.store);
    FUZZ_CHECK(cl_engine_create(&l.env, &store, "me") == PN_OK);
    put_descriptor(&l.store, l.sim.wall_ms);
    FUZZ_CHECK(lonely_open(&l) == PN_OK);
    FUZZ_CHECK(cl_relay_add_secret(l.engine, &address,
                                   PN_BYTES_LIT("let me in")) == PN_OK);
    keep(LONELY_NEW, &l.sim, l.engine, &l.store);
    lonely_end(&l);
}

/* What goes by way of others: before anything is known of them, and then. */
static void send_by_others(void)
{
    for (unsigned known = 0; known < 2; known++) {
        waysim *w = known == 0 ? waysim_new(1, 2) : waysim_new_known(1);
        const relaysim_person *p = &w->world.people[WAYSIM_SENDER];
        set_lines(&w->world, WAYSIM_SENDER, true);
        waysim_say(w, PN_PRIORITY_NORMAL);
        keep(known == 0 ? LONELY_STRANGE : LONELY_SENDING, &p->sim, p->engine,
             &p->store);
        waysim_free(w);
    }
}

void lonely_remember(void)
{
    relaysim *w = malloc(sizeof *w);
    enginesim *v = malloc(sizeof *v);
    FUZZ_CHECK(w != NULL && v != NULL);
    begin_new();
    relaysim_init(w, 4, 2, 2);
    meet(w);
    relaysim_free(w);
    relaysim_init(w, 5, 2, 2);
    meet_alone(w);
    relaysim_free(w);
    relaysim_init(w, 6, 2, 2);
    talk(w);
    relaysim_free(w);
    enginesim_init(v, 7, 3);
    steal(v);
    enginesim_free(v);
    send_by_others();
    free(w);
    free(v);
}

void lonely_forget(void)
{
    for (size_t i = 0; i < LONELY_MOMENTS; i++)
        memstore_free(&moments[i].store);
    while (letter_count > 0)
        free(letters[--letter_count].envelope);
}

const lonely_letter *lonely_letters(size_t *count)
{
    *count = letter_count;
    return letters;
}

const memstore *lonely_store_of(lonely_moment moment)
{
    return &moments[moment].store;
}

/* --- alone ---------------------------------------------------------------- */

static void on_dial(void *ctx, uint32_t relay, const pn_address *address)
{
    lonely *l = ctx;
    (void)address;
    l->dialled = relay;
}

static void on_hangup(void *ctx, uint32_t relay)
{
    (void)ctx;
    (void)relay;
}

static pn_err on_send(void *ctx, uint32_t relay, const pn_msg *msg)
{
    lonely *l = ctx;
    (void)relay;
    (void)msg;
    l->sent++;
    return PN_OK;
}

void lonely_begin(lonely *l, lonely_moment moment)
{
    memset(l, 0, sizeof *l);
    l->sim = moments[moment].sim;
    l->env = simenv_env(&l->sim);
    memstore_copy(&l->store, &moments[moment].store);
}

pn_err lonely_open(lonely *l)
{
    const cl_store store = memstore_port(&l->store);
    const cl_sink sink = {
        .ctx = l, .dial = on_dial, .hangup = on_hangup, .send = on_send
    };
    return cl_engine_open(&l->engine, &l->env, &store, &sink);
}

void lonely_live(lonely *l, lonely_moment moment)
{
    lonely_begin(l, moment);
    FUZZ_CHECK(lonely_open(l) == PN_OK);
}

void lonely_end(lonely *l)
{
    cl_engine_free(&l->engine);
    memstore_free(&l->store);
}

static bool has_all(const memstore *a, const memstore *b)
{
    for (size_t i = 0; i < a->count; i++) {
        const memstore_record *r = &a->records[i];
        size_t k = 0;
        if (!r->live)
            continue;
        for (; k < b->count; k++) {
            const memstore_record *s = &b->records[k];
            if (s->live && s->table == r->table && s->key_len == r->key_len &&
                memcmp(s->key, r->key, s->key_len) == 0)
                break;
        }
        if (k == b->count || b->records[k].len != r->len ||
            memcmp(b->records[k].value, r->value, r->len) != 0)
            return false;
    }
    return true;
}

bool lonely_same(const memstore *a, const memstore *b)
{
    return has_all(a, b) && has_all(b, a);
}
