/* What may go wrong, and how it must end. Included by mail.pml. */

byte faults = FAULTS;

/* What was on its way when a link ends has arrived, or never will. */
inline sender_cut(r)
{
    if
    :: relay[r].put = 0
    :: relay[r].put != 0 -> skip
    fi;
    relay[r].answer = 0;
    asked[r] = 0
}

/* What was delivered and not acked is delivered again. */
inline recipient_cut(r)
{
    if
    :: relay[r].ack = 0
    :: relay[r].ack != 0 -> skip
    fi;
    relay[r].give = 0;
    to_ack[r] = 0;
#ifndef PLANT_KEEP_LEASE
    relay[r].leased = 0
#endif
}

/* Power goes. What had no answer may or may not be on the disk. */
inline relay_crash(r)
{
    if
    :: RELAY_IS_DIRTY(r) -> relay_commits(r)
    :: skip
    fi;
    relay[r].mail = relay[r].disk;
    relay[r].acked = relay[r].disk_acked;
    relay[r].owed = 0;
    sender_cut(r);
    recipient_cut(r);
    CHECK_INV1(r)
}

/* It and its disk are gone for good: seized, burnt. */
inline relay_dies(r)
{
    relay[r].dead = true;
    relay[r].put = 0;
    relay[r].answer = 0;
    relay[r].give = 0;
    relay[r].ack = 0;
    relay[r].mail = 0;
    relay[r].disk = 0;
    relay[r].acked = 0;
    relay[r].disk_acked = 0;
    relay[r].owed = 0;
    relay[r].leased = 0;
    relay[r].promised = 0;
    asked[r] = 0;
    to_ack[r] = 0
}

inline recipient_crash()
{
#ifdef PLANT_FORGET_DEDUPE
    disk_tags = 0;
    disk_contents = 0;
#endif
    tags = disk_tags;
    contents = disk_contents;
    events = disk_events;
    owing = disk_owing;
    given = 0;
    again = events;
    waits[0] = 0;
    recipient_cut(0);
#if RELAYS > 1
    waits[1] = 0;
    recipient_cut(1)
#endif
}

inline sender_crash()
{
    sender_cut(0);
#if RELAYS > 1
    sender_cut(1)
#endif
}

/* A relay, or who carries for it, repeats itself: a deposit long answered, a
 * delivery long acked. */
inline repeat(r)
{
    any(relay[r].mail | relay[r].acked, x);
    if
    :: ADD(relay[r].put, BIT(x))
    :: ADD(relay[r].give, BIT(x))
    fi;
    x = 0
}

#define FAULT faults > 0
#define OCCURS faults = faults - 1

/* One of the set; where one is being replaced, that. */
#ifdef REPLACE
#define MAY_DIE(r) ((r) == 0 && !relay[0].dead)
#else
#define MAY_DIE(r) (!relay[0].dead && !relay[RELAYS - 1].dead)
#endif

inline all_is_done()
{
    MUST(inv6, done == ALL);
    /* No live relay keeps what all have done with. */
    MUST(inv6, relay[0].mail == 0);
    MUST(inv6, relay[RELAYS - 1].mail == 0);
#ifdef REPLACE
    MUST(inv6, known == 2 && relay[0].deleted)
#endif
}

proctype faults_happen()
{
    byte x, r;
    do
    :: atomic { FAULT -> faults = 0 } /* no more of them */
    :: atomic {
        FAULT ->
        OCCURS;
        if
        :: r = 0
#if RELAYS > 1
        :: r = 1
#endif
        fi;
        if
        :: !relay[r].dead -> relay_crash(r)
        :: !relay[r].dead -> sender_cut(r)
        :: !relay[r].dead -> recipient_cut(r)
        :: (relay[r].mail | relay[r].acked) != 0 -> repeat(r)
#ifdef DEATH
        :: MAY_DIE(r) -> relay_dies(r)
#endif
        :: relay[r].dead -> skip
        fi;
        r = 0
    }
    :: atomic { FAULT -> OCCURS; recipient_crash() }
#if RELAYS > 1 /* with one it is its link that is cut */
    :: atomic { FAULT -> OCCURS; sender_crash() }
#endif
#if EPOCHS > 1
    :: atomic { /* a receipt is lost with the relay that had it */
        FAULT && receipts != 0 ->
        OCCURS;
        any(receipts, x);
        TAKE(receipts, BIT(x));
        x = 0
    }
    :: atomic { /* the session is renewed, or the clock leaps */
        FAULT && confirmed != ALL ->
        OCCURS;
        any(ALL & ~confirmed, x);
        if
        :: epoch[x] + 1 < EPOCHS -> seal_anew(x)
        :: else -> skip
        fi;
        x = 0
    }
#endif
#ifdef REPLACE
    :: atomic { FAULT && hellos != 0 -> OCCURS; hellos = 0 }
    :: atomic { FAULT && heard != 0 -> OCCURS; heard = 0 }
#endif
    /* Nothing moves any more. What has no receipt is sealed anew after days;
     * how often that may be needed is bounded by what went wrong before. */
    :: atomic {
        timeout ->
        if
        :: confirmed == ALL ->
            all_is_done();
            break
        :: else ->
            any(ALL & ~confirmed, x);
            MUST(inv6, epoch[x] + 1 < EPOCHS);
            seal_anew(x);
            x = 0
        fi
    }
    od
}

init
{
    atomic {
#ifdef REPLACE
        routes = 1;
#else
        routes = BIT(RELAYS) - 1;
#endif
        run sender_at(0);
        run relay_runs(0);
        run recipient_at(0);
#if RELAYS > 1
        run sender_at(1);
        run relay_runs(1);
        run recipient_at(1);
#endif
        run sender_runs();
        run recipient_runs();
        run faults_happen()
    }
}

#ifdef LIVE
/* However the steps fall: there is no way to go on for ever without it. */
ltl live { <> (confirmed == ALL && done == ALL) }
#endif
