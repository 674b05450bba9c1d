#include "tests/sim/fed/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/fed/world.h"

enum { AGAIN_MS = 5000 };

static const char *name_of(char out[16], size_t person)
{
    (void)snprintf(out, 16, "p%zu", person);
    return out;
}

/* --- meeting -------------------------------------------------------------- */

static void make_invite(fed_person *p, fed_pair *pair)
{
    char name[16];
    if (cl_invite_create(p->engine, pair->form, name_of(name, pair->b), 0,
                         pair->invite) == PN_OK)
        pair->stage = FED_STAGE_MADE;
}

static bool has_contact(fed_person *p, size_t person)
{
    cl_contact_view view;
    char name[16];
    return cl_contact_get(p->engine, name_of(name, person), false, &view) ==
           PN_OK;
}

static void look_at_invite(fed_person *p, fed_pair *pair)
{
    cl_invite_view *view = malloc(sizeof *view);
    pn_err err;
    FED_CHECK(view != NULL, "the simulator has memory", "view");
    err = cl_invite_get(p->engine, pair->invite, view);
    if (has_contact(p, pair->b)) {
        pair->is_known = true;
    } else if (err == PN_E_NOT_FOUND) {
        pair->stage = FED_STAGE_FAILED; /* expired, and forgotten */
    } else if (err == PN_OK) {
        if (view->state == CL_INVITE_OPEN && pair->text == NULL) {
            pair->text = strdup(view->text);
            pair->stage = FED_STAGE_HANDED;
        }
        /* A clock that leaps ahead makes it too old, for good. */
        if (view->state == CL_INVITE_FAILED || view->state == CL_INVITE_EXPIRED)
            pair->stage = FED_STAGE_FAILED;
    }
    free(view);
}

static void accept(fed_person *p, fed_pair *pair)
{
    char name[16];
    const pn_bytes text = { (const uint8_t *)pair->text, strlen(pair->text) };
    const pn_err err =
        cl_invite_accept(p->engine, text, name_of(name, pair->a), pair->accept);
    if (err == PN_OK)
        pair->stage = FED_STAGE_ACCEPTED;
    else if (has_contact(p, pair->a)) /* it died after it had accepted */
        pair->stage = FED_STAGE_MET;
    else if (err == PN_E_TIMEOUT)
        pair->stage = FED_STAGE_FAILED;
}

static void look_at_accept(fed_person *p, fed_pair *pair)
{
    uint8_t contact[CL_ID_BYTES];
    char reason[CL_REASON_MAX + 1];
    const pn_err err = cl_accept_state(p->engine, pair->accept, contact,
                                       &pair->failure, reason);
    if (err == PN_OK || has_contact(p, pair->a))
        pair->stage = FED_STAGE_MET; /* a new process does not remember it */
    else if (err != PN_MORE && err != PN_E_NOMEM && err != PN_E_IO)
        pair->stage = FED_STAGE_FAILED;
}

static bool meet(fed_person *p)
{
    fed_world *w = p->world;
    bool waits = false;
    for (size_t i = 0; i < w->pair_count; i++) {
        fed_pair *pair = &w->pairs[i];
        const bool is_a = pair->a == p->index, is_b = pair->b == p->index;
        if (is_a && pair->stage == FED_STAGE_WANTED)
            make_invite(p, pair);
        else if (is_a && pair->stage <= FED_STAGE_MET && !pair->is_known)
            look_at_invite(p, pair);
        else if (is_b && pair->stage == FED_STAGE_HANDED)
            accept(p, pair);
        else if (is_b && pair->stage == FED_STAGE_ACCEPTED)
            look_at_accept(p, pair);
        waits = waits || (is_b && pair->stage < FED_STAGE_MET) ||
                (is_a && !pair->is_known && pair->stage <= FED_STAGE_MET);
    }
    return waits;
}

/* --- writing -------------------------------------------------------------- */

void fed_mail_body(const fed_world *w, size_t number, uint8_t *out)
{
    static const char hex[] = "0123456789abcdef";
    fed_dice d = fed_dice_of(w->seed, 100000 + number);
    char head[64];
    const size_t size = w->mail[number].size;
    size_t at = FED_MARKER_BYTES, len;
    for (size_t i = 0; i < FED_MARKER_BYTES; i++)
        out[i] = (uint8_t)hex[fed_roll(&d, 16)];
    len = (size_t)snprintf(head, sizeof head, ":%zu;", number);
    memcpy(out + at, head, len);
    at += len;
    while (at < size) {
        uint64_t word = fed_next(&d);
        for (int i = 0; i < 16 && at < size; i++, word >>= 4)
            out[at++] = (uint8_t)hex[word & 15];
    }
}

bool fed_mail_is_done(const fed_mail *m)
{
    if (m->is_void)
        return true;
    return m->told == FED_TOLD_FAILED ||
           (m->told == FED_TOLD_DELIVERED && m->taken);
}

/* How many of the contact's relays are known. */
static size_t routes_to(const fed_person *p, size_t person)
{
    char name[16];
    (void)name_of(name, person);
    for (size_t i = 0; i < p->engine->contact_count; i++) {
        if (strcmp(p->engine->contacts[i]->name, name) == 0)
            return p->engine->contacts[i]->route_count;
    }
    return 0;
}

static bool send_one(fed_person *p, size_t number)
{
    fed_mail *m = &p->world->mail[number];
    static uint8_t body[FED_BODY_MAX];
    char own[32], name[16];
    cl_send what = { .priority = (pn_priority)m->priority,
                     .expires_in_ms = m->expires_in_ms };
    (void)snprintf(own, sizeof own, "own-%zu", number);
    fed_mail_body(p->world, number, body);
    what.own_id = (pn_bytes){ (const uint8_t *)own, strlen(own) };
    what.text = (pn_bytes){ body, m->size };
    if (cl_outbox_send(p->engine, name_of(name, m->to), &what, m->id) != PN_OK)
        return false; /* again later, under the same id */
    m->is_sent = true;
    m->is_frail = routes_to(p, m->to) < 2;
    fed_oracle_sent(p->world, number);
    return true;
}

static bool write_mail(fed_person *p)
{
    fed_world *w = p->world;
    bool waits = false;
    for (size_t i = w->mail_first; i < w->mail_count; i++) {
        const fed_mail *m = &w->mail[i];
        if (m->from == p->index && !m->is_sent && !m->is_void)
            waits = !send_one(p, i) || waits;
    }
    return waits;
}

/* --- reading -------------------------------------------------------------- */

static size_t read_message(fed_person *p, const cl_event *event)
{
    fed_world *w = p->world;
    static uint8_t want[FED_BODY_MAX];
    char name[CL_NAME_MAX + 1], from[16];
    size_t number;
    pn_bytes got;
    pn_buf body;
    pn_err err;
    pn_buf_init(&body, CL_BODY_MAX);
    err = cl_message_body(p->engine, event->message, &body);
    if (err == PN_E_NOMEM || err == PN_E_IO) {
        pn_buf_clear(&body);
        return SIZE_MAX;
    }
    FED_CHECK(err == PN_OK, "what came can be read", "person %zu: %s", p->index,
              pn_strerror(err));
    got = pn_buf_view(&body);
    FED_CHECK(got.len > FED_MARKER_BYTES + 2, "a message is whole",
              "person %zu: %zu bytes", p->index, got.len);
    number = strtoul((const char *)got.p + FED_MARKER_BYTES + 1, NULL, 10);
    FED_CHECK(number < w->mail_count && w->mail[number].to == p->index,
              "a message is for who gets it", "person %zu", p->index);
    fed_mail_body(w, number, want);
    FED_CHECK(got.len == w->mail[number].size &&
                  memcmp(got.p, want, got.len) == 0,
              "a message is whole", "message %zu", number);
    cl_contact_name(p->engine, event->contact, name);
    FED_CHECK(strcmp(name, name_of(from, w->mail[number].from)) == 0,
              "a message is from who wrote it", "message %zu: %s", number,
              name);
    pn_buf_clear(&body);
    return number;
}

static size_t mail_of(const fed_person *p, const uint8_t *id)
{
    const fed_world *w = p->world;
    for (size_t i = 0; i < w->mail_count; i++) {
        if (w->mail[i].from == p->index && w->mail[i].is_sent &&
            memcmp(w->mail[i].id, id, CL_ID_BYTES) == 0)
            return i;
    }
    return SIZE_MAX;
}

static void acknowledge(fed_person *p, uint64_t sequence, size_t number)
{
    if (cl_event_ack(p->engine, sequence) == PN_OK && number != SIZE_MAX)
        fed_oracle_taken(p->world, number);
}

/* To be asked again some time later. */
static void give_back(fed_person *p, const cl_event *event)
{
    (void)!cl_event_return(p->engine, event->sequence);
    p->has_returned = true;
}

static void take(fed_person *p, const cl_event *event)
{
    size_t number = SIZE_MAX;
    switch (event->kind) {
    case CL_EVENT_MESSAGE:
        number = read_message(p, event);
        if (number == SIZE_MAX) {
            give_back(p, event);
            return;
        }
        fed_oracle_given(p->world, number, event->again);
        break;
    case CL_EVENT_DELIVERED:
    case CL_EVENT_FAILED:
        if (mail_of(p, event->message) == SIZE_MAX) {
            /* It died before it knew that it had sent it, and will. */
            give_back(p, event);
            return;
        }
        fed_oracle_told(p->world, mail_of(p, event->message),
                        event->kind == CL_EVENT_FAILED, event->failure);
        break;
    case CL_EVENT_CONTACT_ADDED:
        break;
    case CL_EVENT_FILE:
    case CL_EVENT_IDENTITY_CHANGED:
    case CL_EVENT_RESYNCED:
        fed_fail("nothing happens that nobody did", "person %zu: event %d",
                 p->index, (int)event->kind);
    }
    if (fed_chance(&p->whims, 60)) {
        give_back(p, event);
    } else if (fed_chance(&p->whims, 80) && p->owed_count < FED_OWED_EVENTS &&
               number == SIZE_MAX) {
        p->owed[p->owed_count++] = event->sequence;
    } else {
        acknowledge(p, event->sequence, number);
    }
}

static void read_mail(fed_person *p)
{
    cl_event event;
    for (size_t i = 0; i < p->owed_count; i++)
        acknowledge(p, p->owed[i], SIZE_MAX);
    p->owed_count = 0;
    for (int most = 64; most > 0; most--) {
        if (p->node.is_dying || cl_event_next(p->engine, &event) != PN_OK)
            return;
        take(p, &event);
    }
}

uint64_t fed_app_turn(fed_person *p)
{
    bool waits;
    read_mail(p);
    waits = meet(p);
    waits = write_mail(p) || waits || p->has_returned;
    p->has_returned = false;
    if (p->owed_count > 0)
        return 1000;
    return waits ? AGAIN_MS : UINT64_MAX;
}
