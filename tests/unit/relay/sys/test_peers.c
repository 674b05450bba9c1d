#include "tests/support/cmocka.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay/sys/dir.h"
#include "relay/sys/peers.h"

#define KEY_A "lboccqhaohu4hdlehybzoxlk4qvpmjcy5y5xfraic77yxwxaonnq"
#define KEY_B "5dggp3edzprrna4lcuq5yabrbipn7yfuzqq5jf22ztnb7nm52luq"
#define AT_A "postern://" KEY_A "@relay.example.org:443"
#define AT_B "postern://" KEY_B "@[2001:db8::7]:7717?pt=obfs4"

static pn_err parse(const char *text, rl_peer_list *out, rl_peers_fault *fault)
{
    return rl_peers_parse(
        out, (pn_bytes){ (const uint8_t *)text, strlen(text) }, fault);
}

static void lines_are_read(void **state)
{
    rl_peer_list list;
    rl_peers_fault fault;
    char line[RL_PEER_LINE_MAX];
    (void)state;
    assert_int_equal(
        parse("# some\n\n  " AT_A "\t always \r\n" KEY_B, &list, &fault),
        PN_OK);
    assert_int_equal(list.count, 2);
    assert_true(list.at[0].has_endpoint);
    assert_int_equal(list.at[0].dial, RL_DIAL_ALWAYS);
    assert_false(list.at[1].has_endpoint);
    assert_int_equal(list.at[1].dial, RL_DIAL_NEVER);
    rl_peer_entry_format(line, &list.at[0]);
    assert_string_equal(line, AT_A " always");
    rl_peer_entry_format(line, &list.at[1]);
    assert_string_equal(line, KEY_B " never");
    assert_ptr_equal(rl_peers_find(&list, list.at[1].address.relay_key),
                     &list.at[1]);
    rl_peers_free(&list);
}

static void mistakes_name_their_line(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
    } bad[] = {
        { "rubbish", 1 },
        { "aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq", 1 },
        { AT_A "\n\n" AT_A " auto", 3 },
        { AT_A " sometimes", 1 },
        { AT_A " auto auto", 1 },
        { "#\n" KEY_A " always", 2 },
        { KEY_A " auto", 1 },
        { "postern://" KEY_A "@relay.example.org", 1 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rl_peer_list list;
        rl_peers_fault fault;
        assert_int_equal(parse(bad[i].text, &list, &fault), PN_E_PROTO);
        assert_int_equal(fault.line, bad[i].line);
        assert_non_null(fault.why);
        assert_int_equal(list.count, 0);
        assert_null(list.at);
    }
}

/* A line without end and a NUL are no text of ours. */
static void long_lines_and_zeros_are_refused(void **state)
{
    static uint8_t text[RL_PEER_LINE_MAX + 1];
    rl_peer_list list;
    rl_peers_fault fault;
    (void)state;
    memset(text, '#', sizeof text);
    assert_int_equal(
        rl_peers_parse(&list, (pn_bytes){ text, sizeof text }, &fault),
        PN_E_PROTO);
    text[3] = 0;
    assert_int_equal(rl_peers_parse(&list, (pn_bytes){ text, 10 }, &fault),
                     PN_E_PROTO);
}

static rl_peer_entry numbered(unsigned n)
{
    const uint8_t seed[32] = { (uint8_t)n, (uint8_t)(n >> 8) };
    rl_peer_entry e = { .dial = RL_DIAL_NEVER };
    uint8_t sk[64];
    (void)crypto_sign_seed_keypair(e.address.relay_key, sk, seed);
    return e;
}

static void the_list_has_a_bound(void **state)
{
    rl_peer_list list = { NULL, 0 };
    rl_peer_entry e;
    (void)state;
    for (unsigned n = 0; n < RL_PEERS_MAX; n++) {
        e = numbered(n);
        assert_int_equal(rl_peers_put(&list, &e), PN_OK);
    }
    e = numbered(RL_PEERS_MAX);
    assert_int_equal(rl_peers_put(&list, &e), PN_E_FULL);
    e = numbered(7);
    assert_int_equal(rl_peers_put(&list, &e), PN_OK); /* in place */
    assert_int_equal(rl_peers_remove(&list, e.address.relay_key), PN_OK);
    assert_int_equal(rl_peers_remove(&list, e.address.relay_key),
                     PN_E_NOT_FOUND);
    assert_int_equal(list.count, RL_PEERS_MAX - 1);
    e = numbered(8);
    assert_memory_equal(&list.at[7].address.relay_key, e.address.relay_key,
                        sizeof e.address.relay_key);
    rl_peers_free(&list);
}

/* What is saved is loaded, a full list of the longest addresses too. */
static void a_file_round_trips(void **state)
{
    char dir[] = "peersXXXXXX";
    rl_peer_list list = { NULL, 0 }, again;
    rl_peers_fault fault;
    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(rl_peers_load(&again, dir, &fault), PN_OK);
    assert_int_equal(again.count, 0);
    for (unsigned n = 0; n < RL_PEERS_MAX; n++) {
        rl_peer_entry e = numbered(n);
        e.has_endpoint = true;
        e.dial = (rl_dial)(n % RL_DIALS);
        e.address.port = 65535;
        memset(e.address.host, 'a', PN_ADDRESS_HOST_MAX);
        for (size_t i = 63; i < PN_ADDRESS_HOST_MAX; i += 64)
            e.address.host[i] = '.';
        (void)memcpy(e.address.params, "p=", 2);
        memset(e.address.params + 2, 'x', PN_ADDRESS_PARAMS_MAX - 2);
        assert_int_equal(rl_peers_put(&list, &e), PN_OK);
    }
    assert_int_equal(rl_peers_save(&list, dir), PN_OK);
    assert_int_equal(rl_peers_load(&again, dir, &fault), PN_OK);
    assert_int_equal(again.count, RL_PEERS_MAX);
    for (size_t i = 0; i < again.count; i++) {
        assert_int_equal(again.at[i].dial, list.at[i].dial);
        assert_string_equal(again.at[i].address.host, list.at[i].address.host);
    }
    rl_peers_free(&again);
    rl_peers_free(&list);
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(unlink(RL_FILE_PEERS), 0);
    assert_int_equal(chdir(".."), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(mistakes_name_their_line),
        cmocka_unit_test(long_lines_and_zeros_are_refused),
        cmocka_unit_test(the_list_has_a_bound),
        cmocka_unit_test(a_file_round_trips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
