/* Mail from one sender to one recipient by way of relays, with everything that
 * may crash or be cut doing so at any step. README.md explains the model, what
 * it leaves out, and the configurations that run.pml is searched in.
 *
 * An envelope is a message sealed for one epoch (PROTOCOL.md 8.1); it stands
 * for its deposit id and its tag alike. Sets of messages, envelopes and lists
 * are bits of a byte. What is on its way is a set: it arrives in any order.
 *
 * Whatever is one transaction in the code is one atomic step here, and whatever
 * is not is several: between two steps anything else may happen.
 */

#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef RELAYS
#define RELAYS 1
#endif
#ifndef EPOCHS /* how often a message can be sealed, all in all */
#define EPOCHS 2
#endif
#ifndef FAULTS /* at most so many, of any kind, at any steps */
#define FAULTS 2
#endif
#if MESSAGES > 3 || MESSAGES * EPOCHS > 8 || RELAYS > 2
#error "sets are bits of a byte"
#endif

#define BIT(at) (1 << (at))
#define ALL (BIT(MESSAGES) - 1)
#define ENVELOPE(m, e) ((m) * EPOCHS + (e))
#define MESSAGE_OF(x) ((x) / EPOCHS)
#define EPOCH_OF(x) ((x) % EPOCHS)
#define ENVELOPES_OF(m) ((BIT(EPOCHS) - 1) << ((m) * EPOCHS))
#define ENVELOPES_IN(set)                                  \
    ((((set) & 1) * ENVELOPES_OF(0)) |                     \
     ((((set) >> 1) & 1) * ENVELOPES_OF(1)) |              \
     ((((set) >> 2) & 1) * ENVELOPES_OF(2)))

#define ADD(set, bits) set = (set) | (bits)
#define TAKE(set, bits) set = (set) & ~(bits)

/* One element of a set that is not empty, whichever. */
inline any(set, at)
{
    if
    :: (set) & 1 -> at = 0
    :: (set) & 2 -> at = 1
    :: (set) & 4 -> at = 2
    :: (set) & 8 -> at = 3
    :: (set) & 16 -> at = 4
    :: (set) & 32 -> at = 5
    :: (set) & 64 -> at = 6
    :: (set) & 128 -> at = 7
    fi
}

/* --- the promises -------------------------------------------------------- */

/* Always true, or the search ends there: their names are in its report. */
bool inv1 = true, inv2 = true, inv6 = true;
#define MUST(inv, condition) \
    inv = (condition);       \
    assert(inv)

/* --- relays -------------------------------------------------------------- */

typedef relay_type {
    byte put;    /* deposits on their way to it */
    byte answer; /* on its way back: it is stored */
    byte give;   /* deliveries on their way to the recipient */
    byte ack;    /* on their way back */
    byte mail, disk;          /* as the next commit will have it; as it is */
    byte acked, disk_acked;   /* ids remembered, likewise */
    byte owed;                /* answers that wait for the commit */
    byte leased;              /* delivered on this opening */
    byte promised;            /* stored, it said, and not acked since */
    bool dead;                /* with its disk, for ever */
    bool deleted;             /* the queue, by the recipient */
};
relay_type relay[RELAYS];

/* What was said to be stored is there, until it is acked. */
#define CHECK_INV1(r) \
    MUST(inv1, (relay[r].promised & ~relay[r].mail) == 0)

inline relay_answers(r)
{
    ADD(relay[r].answer, relay[r].owed);
    ADD(relay[r].promised, relay[r].owed & relay[r].mail);
    relay[r].owed = 0
}

inline relay_commits(r)
{
    relay[r].disk = relay[r].mail;
    relay[r].disk_acked = relay[r].acked
}

#define RELAY_IS_DIRTY(r)                     \
    (relay[r].mail != relay[r].disk ||        \
     relay[r].acked != relay[r].disk_acked || \
     relay[r].owed != 0)

/* Delivered are durable mails that no ack under way has named. */
#define TO_GIVE(r) \
    (relay[r].disk & relay[r].mail & ~relay[r].leased)

proctype relay_runs(byte r)
{
    byte x;
end:
    do
    :: atomic { /* a deposit */
        relay[r].put != 0 ->
        any(relay[r].put, x);
        TAKE(relay[r].put, BIT(x));
        if
        :: relay[r].deleted -> skip /* unknown: nothing is promised */
        :: !relay[r].deleted ->
            if
            :: ((relay[r].mail | relay[r].acked) & BIT(x)) == 0 ->
                ADD(relay[r].mail, BIT(x))
            :: else -> skip /* a duplicate, answered alike */
            fi;
            ADD(relay[r].owed, BIT(x));
#ifdef PLANT_STORED_BEFORE_FSYNC
            relay_answers(r);
#endif
        fi;
        x = 0
    }
    :: atomic { /* an ack: also of what is there no more */
        relay[r].ack != 0 ->
        any(relay[r].ack, x);
        TAKE(relay[r].ack, BIT(x));
        if
        :: relay[r].mail & BIT(x) ->
            TAKE(relay[r].mail, BIT(x));
            TAKE(relay[r].promised, BIT(x));
            TAKE(relay[r].leased, BIT(x)); /* stored once more, it is new */
            if
            :: ADD(relay[r].acked, BIT(x))
#ifdef FORGETFUL
            :: skip /* too many others were acked since */
#endif
            fi
        :: else -> skip
        fi;
        x = 0
    }
    :: atomic {
        RELAY_IS_DIRTY(r) ->
        relay_commits(r);
        relay_answers(r);
        CHECK_INV1(r)
    }
    :: atomic { /* once on one opening */
        TO_GIVE(r) != 0 ->
        any(TO_GIVE(r), x);
        ADD(relay[r].give, BIT(x));
        ADD(relay[r].leased, BIT(x));
        x = 0
    }
    od
}

/* --- the sender ---------------------------------------------------------- */

/* Durable. The text of a message is its own from the start: what was never
 * accepted from the application is nobody's promise. */
byte confirmed;       /* messages with a receipt */
byte held[RELAYS];    /* messages of which that relay has a copy */
byte epoch[MESSAGES];
byte routes;          /* relays, as the recipient told last */
byte heard_list;
/* Lost with the link or the program. */
byte asked[RELAYS];   /* deposits without an answer */

byte receipts; /* on their way from the recipient */
byte hellos;   /* lists of queues, likewise */
byte heard;    /* receipts for those, on their way back */

/* What waits for its turn at a relay: no receipt, no copy there, no answer
 * outstanding. A dead relay and one that cannot be reached look alike. */
#ifdef PLANT_RETRY_AT_ONCE
#define TO_PUT(r) (ALL & ~confirmed & ~held[r])
#else
#define TO_PUT(r) (ALL & ~confirmed & ~held[r] & ~asked[r])
#endif

proctype sender_at(byte r)
{
    byte m, x;
end:
    do
    :: atomic {
        (routes & BIT(r)) != 0 && TO_PUT(r) != 0 && !relay[r].dead ->
        any(TO_PUT(r), m);
        ADD(asked[r], BIT(m));
        ADD(relay[r].put, BIT(ENVELOPE(m, epoch[m])));
        m = 0
    }
    :: atomic { /* stored, or a duplicate, which is as good */
        relay[r].answer != 0 ->
        any(relay[r].answer, x);
        TAKE(relay[r].answer, BIT(x));
        m = MESSAGE_OF(x);
        if
        :: (asked[r] & BIT(m)) != 0 && epoch[m] == EPOCH_OF(x) ->
            TAKE(asked[r], BIT(m));
            ADD(held[r], BIT(m));
#ifdef PLANT_FORGET_WHEN_STORED
            ADD(confirmed, BIT(m));
#endif
        :: else -> skip /* of an earlier epoch, or asked twice */
        fi;
        m = 0;
        x = 0
    }
    od
}

/* Every copy of it counts for nothing. */
inline forget_copies(m)
{
    TAKE(held[0], BIT(m));
    TAKE(asked[0], BIT(m));
#if RELAYS > 1
    TAKE(held[1], BIT(m));
    TAKE(asked[1], BIT(m));
#endif
}

inline seal_anew(m)
{
    epoch[m] = epoch[m] + 1;
    forget_copies(m)
}

proctype sender_runs()
{
    byte m;
end:
    do
    :: atomic {
        receipts != 0 ->
        any(receipts, m);
        TAKE(receipts, BIT(m));
        ADD(confirmed, BIT(m));
        forget_copies(m);
        m = 0
    }
#ifdef REPLACE
    :: atomic { /* a list replaces an older one; all lists get receipts */
        hellos != 0 ->
        any(hellos, m);
        TAKE(hellos, BIT(m));
        if
        :: m > heard_list ->
            heard_list = m;
            if
            :: m == 1 -> routes = 3 /* the old one and the new one */
            :: m == 2 ->
                routes = 2;
                held[0] = 0;
                asked[0] = 0
            fi
        :: else -> skip
        fi;
        ADD(heard, BIT(m));
        m = 0
    }
#endif
    od
}

/* --- the recipient ------------------------------------------------------- */

/* Staged, and as the last commit has it. */
byte tags, disk_tags;         /* envelopes that were opened */
byte contents, disk_contents; /* messages that were */
byte events, disk_events;     /* messages for the application to take */
byte owing, disk_owing;       /* receipts */
byte list, known;             /* of queues: told, confirmed; durable */
/* Lost with the program. */
byte waits[RELAYS];           /* envelopes there of messages in events */
byte to_ack[RELAYS];          /* acks to leave after the commit */
byte given, again;            /* events given; given perhaps before a crash */
/* The application's own, durable. */
byte done;
/* Nobody's: what has been shown, and what the application has returned. */
byte shown, returned;

#define IS_DIRTY                                              \
    (tags != disk_tags || contents != disk_contents ||        \
     events != disk_events || owing != disk_owing)

inline commit()
{
    disk_tags = tags;
    disk_contents = contents;
    disk_events = events;
    disk_owing = owing
}

/* None is acked before the application has committed it. */
inline send_acks(r, set)
{
    MUST(inv2, ((set) & ~ENVELOPES_IN(done)) == 0);
    ADD(relay[r].ack, set)
}

proctype recipient_at(byte r)
{
    byte m, x;
end:
    do
    :: atomic {
        relay[r].give != 0 ->
        any(relay[r].give, x);
        TAKE(relay[r].give, BIT(x));
        m = MESSAGE_OF(x);
        if
        :: (contents & BIT(m)) == 0 -> /* new: message, event and notes */
            ADD(contents, BIT(m));
#ifdef PLANT_SPLIT_COMMIT
            commit(); /* the notes apart from what they are about */
#endif
            ADD(events, BIT(m))
        :: else -> skip
        fi;
        if
        :: (events & BIT(m)) != 0 ->
            ADD(waits[r], BIT(x));
#ifdef PLANT_ACK_SEALED_ANEW
            if
            :: (tags & BIT(x)) == 0 && (tags & ENVELOPES_OF(m)) != 0 ->
                TAKE(waits[r], BIT(x));
                ADD(to_ack[r], BIT(x))
            :: else -> skip
            fi
#endif
        :: else ->
            if
            :: (tags & BIT(x)) == 0 -> ADD(owing, BIT(m)) /* sealed anew */
            :: else -> skip
            fi;
            ADD(to_ack[r], BIT(x))
        fi;
        ADD(tags, BIT(x));
#ifdef PLANT_ACK_BEFORE_COMMIT
        ADD(to_ack[r], BIT(x));
        send_acks(r, to_ack[r]);
        to_ack[r] = 0;
#endif
        m = 0;
        x = 0
    }
    :: atomic {
        !IS_DIRTY && to_ack[r] != 0 && !relay[r].dead ->
        send_acks(r, to_ack[r]);
        to_ack[r] = 0
    }
    od
}

inline let_go(r, m)
{
    ADD(to_ack[r], waits[r] & ENVELOPES_OF(m));
    TAKE(waits[r], ENVELOPES_OF(m))
}

#ifdef PLANT_REMOVE_OLD_EARLY
#define OLD_MAY_GO (list >= 1)
#else
#ifdef PLANT_REMOVE_OLD_UNREAD
#define OLD_MAY_GO (known == 2)
#else
/* Confirmed, and quiet for a day: nothing there, nothing on its way. */
#define OLD_MAY_GO                                                       \
    (known == 2 &&                                                       \
     (relay[0].dead ||                                                   \
      (relay[0].put == 0 && relay[0].mail == 0 && relay[0].disk == 0 &&  \
       relay[0].give == 0 && waits[0] == 0 && to_ack[0] == 0)))
#endif
#endif

proctype recipient_runs()
{
    byte m;
end:
    do
    :: atomic { IS_DIRTY -> commit() }
    :: atomic { /* the application asks for an event: only durable ones */
        !IS_DIRTY && (events & ~given) != 0 ->
        any(events & ~given, m);
        MUST(inv2, (shown & ~again & BIT(m)) == 0 && (returned & BIT(m)) == 0);
        ADD(given, BIT(m));
        ADD(shown, BIT(m));
        m = 0
    }
    :: atomic { /* it commits what it makes of it */
        (given & ~done) != 0 ->
        any(given & ~done, m);
        ADD(done, BIT(m));
        m = 0
    }
    :: atomic { /* and returns the event: one transaction, then the acks */
        !IS_DIRTY && (events & given & done) != 0 ->
        any(events & given & done, m);
        TAKE(events, BIT(m));
        ADD(owing, BIT(m));
        commit();
        ADD(returned, BIT(m));
        let_go(0, m);
#if RELAYS > 1
        let_go(1, m);
#endif
        m = 0
    }
    :: atomic {
        !IS_DIRTY && owing != 0 ->
        any(owing, m);
        TAKE(owing, BIT(m));
        commit();
        ADD(receipts, BIT(m));
        m = 0
    }
#ifdef REPLACE
    :: atomic { list == 0 -> list = 1 } /* there is another queue, at 1 */
    :: atomic { /* told until it is confirmed */
        list > known && ((hellos | heard) & BIT(list)) == 0 ->
        ADD(hellos, BIT(list))
    }
    :: atomic {
        heard != 0 ->
        any(heard, m);
        TAKE(heard, BIT(m));
        if
        :: m > known -> known = m
        :: else -> skip
        fi;
        m = 0
    }
    :: atomic { list == 1 && known == 1 -> list = 2 } /* without the old one */
    :: atomic {
        OLD_MAY_GO && !relay[0].deleted ->
        relay[0].deleted = true;
        relay[0].mail = 0;
        relay[0].disk = 0;
        relay[0].give = 0;
        CHECK_INV1(0)
    }
#endif
    od
}

#include "faults.pml"
