/* Descriptors: ours, and what is known of others. */
#include "tests/support/cmocka.h"

#include <sodium.h>
#include <string.h>

#include "tests/support/onionkit.h"

enum { CLIENT = 0, R = 2 };

static coresim world;
static onionkit kit;
static uint8_t r_sk[64]; /* of relay 0 */
static uint8_t kept[PN_DESCRIPTOR_BYTES_MAX];
static size_t kept_len;
static unsigned kept_count;
static uint8_t given[PN_DESCRIPTOR_BYTES_MAX];
static size_t given_len;

static void on_described(void *ctx, const uint8_t *key, pn_bytes descriptor)
{
    (void)ctx;
    assert_memory_equal(key, world.relays[0].key, 32);
    memcpy(kept, descriptor.p, descriptor.len);
    kept_len = descriptor.len;
    kept_count++;
}

static void on_msg(void *ctx, size_t link, const pn_msg *msg)
{
    (void)ctx;
    (void)link;
    if (msg->kind != PN_MSG_DESCRIPTOR)
        return;
    given_len = msg->u.descriptor.descriptor.len;
    if (given_len > 0)
        memcpy(given, msg->u.descriptor.descriptor.p, given_len);
}

static int setup(void **state)
{
    uint8_t pk[32], seed[32];
    (void)state;
    onionkit_init(&kit, &world, 1);
    world.described = on_described;
    world.on_msg = on_msg;
    memset(seed, 0x80, sizeof seed); /* as coresim makes relay 0 */
    (void)crypto_sign_seed_keypair(pk, r_sk, seed);
    assert_memory_equal(pk, world.relays[0].key, 32);
    kept_count = 0;
    coresim_open(&world, CLIENT);
    coresim_list(&world, 2, true, false);
    coresim_settle(&world);
    assert_int_equal(coresim_open_relay(&world, R, 0, true), PN_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_true(rl_core_ok(world.core));
    onionkit_free(&kit);
    return 0;
}

static void ask(size_t link, pn_bytes key)
{
    const pn_msg m = { .id = 9,
                       .kind = PN_MSG_DESCRIPTOR_REQUEST,
                       .u.descriptor_request.relay_key = key };
    given_len = SIZE_MAX;
    assert_int_equal(coresim_take(&world, link, &m), PN_OK);
}

/* A client asks about a relay that we have never heard of ourselves: then we
 * dial it, once, for nothing can be in its spool before. */
static void asking_knocks(void **state)
{
    (void)state;
    assert_int_equal(world.relays[1].dials, 0);
    ask(CLIENT, (pn_bytes){ world.relays[1].key, 32 });
    assert_int_equal(given_len, 0);
    assert_int_equal(world.relays[1].dials, 1);
    ask(CLIENT, (pn_bytes){ world.relays[1].key, 32 });
    assert_int_equal(world.relays[1].dials, 1);
    /* A link stands with relay 0; a stranger is not dialled. */
    ask(CLIENT, (pn_bytes){ world.relays[0].key, 32 });
    ask(CLIENT, (pn_bytes){ world.relays[2].key, 32 });
    assert_int_equal(world.relays[0].dials, 0);
    assert_int_equal(world.relays[2].dials, 0);
}

/* Its answer to what the core asked last on its link. */
static pn_err say(uint64_t sequence, const char *label)
{
    static uint8_t raw[PN_DESCRIPTOR_BYTES_MAX];
    const size_t len =
        onionkit_describe(raw, r_sk, sequence, pn_wall_ms(&world.env), label);
    pn_msg m = { .kind = PN_MSG_DESCRIPTOR,
                 .u.descriptor.descriptor = { raw, len } };
    for (size_t i = world.event_count; i > 0 && m.id == 0; i--) {
        const coresim_event *e = &world.events[(i - 1) % CORESIM_EVENTS];
        if (e->link == R && e->msg.kind == PN_MSG_DESCRIPTOR_REQUEST)
            m.id = e->msg.id;
    }
    return coresim_take(&world, R, &m);
}

static void tell(uint64_t sequence, const char *label)
{
    rl_core_announced(world.links[R].link, NULL);
    assert_int_equal(say(sequence, label), PN_OK);
}

static void own_to_anybody(void **state)
{
    (void)state;
    ask(CLIENT, (pn_bytes){ NULL, 0 });
    assert_int_equal(given_len, kit.descriptor_len);
    assert_memory_equal(given, kit.descriptor, given_len);
    ask(R, (pn_bytes){ world.config.forward.self, 32 });
    assert_int_equal(given_len, kit.descriptor_len);
    ask(CLIENT, (pn_bytes){ world.relays[0].key, 32 });
    assert_int_equal(given_len, 0); /* not known yet */
    ask(CLIENT, (pn_bytes){ world.relays[3].key, 32 });
    assert_int_equal(given_len, 0); /* not on the list */
}

/* A client gets R's descriptor from us, without ever speaking to R. */
static void others_by_us(void **state)
{
    (void)state;
    tell(5, "one");
    assert_int_equal(kept_count, 1);
    ask(CLIENT, (pn_bytes){ world.relays[0].key, 32 });
    assert_int_equal(given_len, kept_len);
    assert_memory_equal(given, kept, kept_len);
    /* It survives us by what was kept. */
    coresim_restart(&world, 0);
    coresim_list(&world, 1, true, false);
    onionkit_announce(&kit);
    assert_int_equal(rl_core_learn(world.core, world.relays[0].key,
                                   (pn_bytes){ kept, kept_len }),
                     PN_OK);
    assert_int_equal(rl_core_learn(world.core, world.relays[1].key,
                                   (pn_bytes){ kept, kept_len }),
                     PN_E_NOT_FOUND);
    coresim_open(&world, CLIENT);
    ask(CLIENT, (pn_bytes){ world.relays[0].key, 32 });
    assert_int_equal(given_len, kept_len);
}

/* Older, twofold, foreign and broken ones are not taken. */
static void only_forward(void **state)
{
    (void)state;
    tell(5, "one");
    tell(4, "old");
    tell(5, "two");
    tell(5, "one");
    assert_int_equal(kept_count, 1);
    tell(6, "new");
    assert_int_equal(kept_count, 2);
    r_sk[0] ^= 1; /* the signature fails */
    {
        static uint8_t raw[PN_DESCRIPTOR_BYTES_MAX];
        memcpy(raw, kept, kept_len);
        raw[40] ^= 1;
        assert_int_equal(rl_core_learn(world.core, world.relays[0].key,
                                       (pn_bytes){ raw, kept_len }),
                         PN_E_CRYPTO);
    }
}

/* Whoever announces what we have is not asked, nor who has none. */
static void asks_for_what_is_new(void **state)
{
    static const uint8_t none[32];
    uint8_t hash[32] = { 1 };
    size_t from;
    pn_descriptor d;
    (void)state;
    tell(5, "one");
    assert_int_equal(pn_descriptor_read(&d, (pn_bytes){ kept, kept_len }),
                     PN_OK);
    from = world.event_count;
    rl_core_announced(world.links[R].link, d.hash);
    rl_core_announced(world.links[R].link, none);
    assert_int_equal(world.event_count, from);
    rl_core_announced(world.links[R].link, hash);
    assert_int_equal(world.event_count, from + 1);
    /* Once at a time. */
    rl_core_announced(world.links[R].link, hash);
    assert_int_equal(world.event_count, from + 1);
    assert_int_equal(say(6, "two"), PN_OK);
    /* And again while the link stands. */
    from = world.event_count;
    for (int h = 0; h < 7; h++)
        coresim_advance(&world, 3600 * 1000);
    assert_int_equal(say(7, "three"), PN_OK);
    assert_int_equal(kept_count, 3);
}

/* What was not asked for ends the link; an Error in its place does not. */
static void answers_to_nothing(void **state)
{
    pn_msg error = { .kind = PN_MSG_ERROR,
                     .u.error = { .code = PN_ERROR_UNSUPPORTED } };
    size_t from = world.event_count;
    (void)state;
    rl_core_announced(world.links[R].link, NULL);
    error.id = world.events[from].msg.id;
    assert_int_equal(coresim_take(&world, R, &error), PN_OK);
    assert_int_equal(say(5, "one"), PN_E_PROTO);
    assert_int_equal(kept_count, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(asking_knocks), T(own_to_anybody),       T(others_by_us),
        T(only_forward),  T(asks_for_what_is_new), T(answers_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
