/* Copies that leave through an entry relay, in parcels. The entry takes them
 * into its custody and brings them to where they are to lie; that relay's
 * answer comes back through it, if our link to it stands so long, and only it
 * counts as held. Without an answer a copy goes again after a while, maybe
 * through another: it is known by its message id wherever it arrives. */
#include <string.h>

#include "client/core/deposit.h"
#include "proto/base/mem.h"

enum {
    ANSWER_MS = 3600 * 1000,   /* how long an entry knows who asked */
    UNANSWERED_MS = 30 * 1000, /* the link went before the answer */
    UNANSWERED_MAX_MS = 24 * 3600 * 1000,
    KEYS_MS = 1000,
    LIED_MS = 3600 * 1000,
};

/* What is brought is too old then; whoever waits longer sends it again. */
static uint32_t expires_days(const cl_engine *e, const cl_item *item)
{
    const uint64_t days = (item->expires_ms - cl_wall(e)) / cl_day_ms + 1;
    if (days < PN_FORWARD_DAYS_MIN)
        return PN_FORWARD_DAYS_MIN;
    return days > PN_FORWARD_DAYS_MAX ? PN_FORWARD_DAYS_MAX : (uint32_t)days;
}

static void await_keys(cl_engine *e, cl_copy *copy)
{
    copy->wait = CL_WAIT_KEYS;
    copy->retry_ms = cl_mono(e) + KEYS_MS;
    cl_item_place(e, copy->item);
}

/* Whom to ask what the destination says of itself: it, if that is a relay of
 * ours that we are at, and else the entry. */
static cl_relay *who_knows(const cl_destination *d, cl_relay *to,
                           cl_relay *entry)
{
    return to->is_own && to->state == CL_RELAY_ONLINE && !to->full &&
                   !d->is_known && !d->is_silent
               ? to
               : entry;
}

/* Whether this entry may have the parcel, for all that is known of it and of
 * where it goes; if not, that is asked, the one before the other. */
static bool is_told(cl_engine *e, cl_relay *entry, cl_destination *d,
                    cl_relay *to)
{
    cl_destination *self = cl_destination_of(e, entry->address.relay_key);
    if (self == NULL)
        return false;
    cl_destination_ask(e, entry, self); /* whose is it? */
    if (!self->is_known && !self->is_silent)
        return false;
    cl_destination_ask(e, who_knows(d, to, entry), d);
    return cl_destination_onion(e, d) != NULL;
}

void cl_copy_forward(cl_engine *e, cl_relay *entry, cl_copy *copy)
{
    cl_relay *to = cl_copy_route(copy)->relay;
    cl_destination *d = cl_destination_of(e, to->address.relay_key);
    const pn_descriptor_onion *onion;
    pn_parcel_command cmd = { .kind = PN_PARCEL_DEPOSIT };
    uint8_t id[PN_MESSAGE_ID_BYTES];
    pn_msg msg = { .kind = PN_MSG_FORWARD };
    cl_request *req;
    size_t len;
    if (d == NULL)
        return;
    if (!is_told(e, entry, d, to)) {
        await_keys(e, copy);
        return;
    }
    if (cl_copy_spread(e, entry, copy))
        return;
    onion = cl_destination_onion(e, d);
    req = cl_request_new(entry, CL_ASK_FORWARD, 0);
    if (req == NULL)
        return;
    cl_copy_deposit(e, copy, id, &cmd.u.deposit);
    if (pn_parcel_seal(&e->env, &(pn_parcel_to){ d->key, onion->pk }, &cmd,
                       NULL, e->parcel, PN_PARCEL_MAX, &len,
                       &req->reply) != PN_OK) {
        cl_request_free(req);
        await_keys(e, copy); /* no randomness: another try */
        return;
    }
    req->copy = copy;
    req->to = d;
    copy->deposit = req;
    msg.u.forward = (pn_msg_forward){
        .destination = CL_VIEW(d->key),
        .expires_days = expires_days(e, copy->item),
        .priority = copy->item->priority,
        .parcel = { e->parcel, len },
    };
    if (cl_relay_send(e, entry, &msg, req) != PN_OK)
        return;
    copy->in_flight = true;
    copy->left_by = entry;
    copy->left_ms = cl_mono(e);
    cl_item_place(e, copy->item);
}

/* It goes again then, unless an answer comes before; each time later, for what
 * an entry keeps for a relay that is away is kept for every try. */
static void wait_answer(cl_engine *e, cl_copy *copy, uint64_t ms)
{
    for (uint8_t n = 1; n < copy->forwards && ms < UNANSWERED_MAX_MS; n++)
        ms *= 2;
    copy->wait = CL_WAIT_NOTHING;
    copy->retry_ms =
        cl_mono(e) + (ms < UNANSWERED_MAX_MS ? ms : UNANSWERED_MAX_MS);
    cl_item_place(e, copy->item);
}

void cl_custody_end(cl_engine *e, cl_relay *entry, cl_request *req)
{
    cl_copy *copy = req->copy;
    entry->custody_count--;
    cl_request_free(req);
    if (copy != NULL)
        wait_answer(e, copy, UNANSWERED_MS);
}

static pn_err accepted(cl_engine *e, cl_relay *entry, cl_request *req)
{
    cl_copy *copy = req->copy;
    if (entry->custody_count >= CL_CUSTODY_MAX &&
        !pn_list_is_empty(&entry->custody))
        cl_custody_end(e, entry,
                       PN_FRONT(&entry->custody, cl_request, in_relay));
    pn_list_push_back(&entry->custody, &req->in_relay);
    entry->custody_count++;
    copy->custody = req;
    copy->keeper = entry;
    copy->since_ms = cl_wall(e);
    if (copy->forwards < UINT8_MAX)
        copy->forwards++;
    wait_answer(e, copy, ANSWER_MS);
    return cl_copy_relayed(e, copy);
}

pn_err cl_forward_result(cl_engine *e, cl_relay *entry, cl_request *req,
                         const pn_msg *msg, bool *kept)
{
    cl_copy *copy = req->copy;
    const pn_msg_forward_result *r = &msg->u.forward_result;
    *kept = false;
    if (copy == NULL)
        return PN_OK;
    copy->in_flight = false;
    copy->deposit = NULL;
    if (msg->kind == PN_MSG_ERROR) { /* it forwards nothing at all */
        req->copy = NULL;
        cl_no_way(e, entry, req->to, LIED_MS);
        return PN_OK;
    }
    switch (r->status) {
    case PN_FORWARD_ACCEPTED:
    case PN_FORWARD_DUPLICATE:
        *kept = true;
        return accepted(e, entry, req);
    case PN_FORWARD_UNKNOWN:
        cl_no_way(e, entry, req->to, LIED_MS);
        break;
    case PN_FORWARD_EXPIRED:
        cl_destination_outdated(e, req->to);
        break;
    case PN_FORWARD_QUOTA:
    case PN_FORWARD_BUSY:
        cl_copy_hold(e, copy, CL_WAIT_BUSY, r->retry_after_ms);
        break;
    }
    req->copy = NULL;
    cl_item_place(e, copy->item);
    return PN_OK;
}

/* What the relay at the end said, in an answer that only it can have sealed. */
static pn_err judged(cl_engine *e, cl_copy *copy, const pn_parcel_answer *a)
{
    switch ((int)a->status) {
    case PN_PARCEL_OK:
    case PN_PARCEL_DUPLICATE:
        return cl_copy_stored(e, copy);
    case PN_PARCEL_QUOTA:
        return cl_copy_refused(e, copy, CL_WAIT_QUOTA, 0);
    case PN_PARCEL_SUSPENDED:
        return cl_copy_refused(e, copy, CL_WAIT_SUSPENDED, 0);
    case PN_PARCEL_UNKNOWN:
        return cl_copy_refused(e, copy, CL_WAIT_GONE, 0);
    default:
        return cl_copy_refused(e, copy, CL_WAIT_BUSY, a->retry_after_ms);
    }
}

static cl_request *custody_of(const cl_relay *entry, uint64_t id)
{
    for (pn_node *n = entry->custody.next; n != &entry->custody; n = n->next) {
        cl_request *req = PN_ENTRY(n, cl_request, in_relay);
        if (req->id == id)
            return req;
    }
    return NULL;
}

pn_err cl_forward_reply(cl_engine *e, cl_relay *entry, const pn_msg *msg)
{
    const pn_msg_forward_reply *r = &msg->u.forward_reply;
    cl_request *req = custody_of(entry, msg->id);
    cl_copy *copy;
    cl_destination *to;
    pn_parcel_answer answer;
    pn_err err, opened;
    if (req == NULL)
        return PN_OK; /* nobody waits for it any more */
    copy = req->copy;
    to = req->to;
    opened = r->outcome == PN_PARCEL_DONE
                 ? pn_parcel_reply_open(&answer, &req->reply, r->reply,
                                        e->answer, PN_REPLY_PLAIN_MAX)
                 : PN_E_REFUSED;
    entry->custody_count--;
    cl_request_free(req);
    if (copy == NULL) {
        err = PN_OK;
    } else if (opened == PN_OK) {
        copy->keeper = NULL;
        err = judged(e, copy, &answer);
    } else {
        copy->keeper = NULL; /* the entry has it no more */
        if (opened == PN_E_REFUSED)
            cl_destination_outdated(e, to); /* its keys have changed */
        else
            cl_no_way_in_doubt(e, entry, to, LIED_MS);
        err = cl_copy_refused(e, copy, CL_WAIT_BUSY, 0);
    }
    pn_wipe(e->answer, PN_REPLY_PLAIN_MAX);
    return err;
}
