/* Keys and descriptor on a real disk: made, kept, renewed, destroyed. */
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "relay/net/self.h"
#include "relay/sys/file.h"
#include "tests/support/simenv.h"

#define DAY_MS (UINT64_C(24) * 3600 * 1000)

enum { TODAY = 20000 };

static char dir[64];
static simenv sim;
static pn_env env;
static pn_link_identity identity;
static rl_config config;
static rl_self self;
static bool changed;

static int setup(void **state)
{
    static const uint8_t seed[32] = { 1, 2, 3 };
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/postern-self-XXXXXX");
    assert_non_null(mkdtemp(dir));
    simenv_init(&sim, 5);
    env = simenv_env(&sim);
    assert_int_equal(pn_link_identity_from_seed(&identity, seed), PN_OK);
    rl_config_defaults(&config);
    assert_int_equal(rl_self_init(&self, &env, dir, &identity, TODAY), PN_OK);
    assert_int_equal(rl_self_refresh(&self, &config, TODAY, &changed), PN_OK);
    assert_true(changed);
    return 0;
}

static int teardown(void **state)
{
    char command[128];
    (void)state;
    rl_self_free(&self);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command) == 0 ? 0 : -1;
}

static void restart(rl_day today)
{
    rl_self_free(&self);
    assert_int_equal(rl_self_init(&self, &env, dir, &identity, today), PN_OK);
    assert_int_equal(rl_self_refresh(&self, &config, today, &changed), PN_OK);
}

static pn_descriptor read_own(void)
{
    pn_descriptor d;
    assert_int_equal(
        pn_descriptor_verify(&d, (pn_bytes){ self.descriptor, self.len },
                             identity.relay_key, pn_wall_ms(&env)),
        PN_OK);
    return d;
}

static void path_of_key(char out[128], const rl_onion *k)
{
    (void)snprintf(out, 128, "%s/onion/%02x%02x%02x%02x.key", dir, k->id[0],
                   k->id[1], k->id[2], k->id[3]);
}

/* The first run makes a key and a descriptor that anybody can verify; the
 * second finds both as they were. */
static void survives_a_restart(void **state)
{
    static uint8_t before[PN_DESCRIPTOR_BYTES_MAX];
    const size_t len = self.len;
    char path[128];
    struct stat st;
    pn_descriptor d = read_own();
    (void)state;
    assert_int_equal(d.onion_count, 1);
    assert_memory_equal(d.onions[0].pk, self.onions->at[0].key.pk,
                        PN_XWING_PK_BYTES);
    path_of_key(path, &self.onions->at[0]);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    memcpy(before, self.descriptor, len);
    restart(TODAY);
    assert_int_equal(self.len, len);
    assert_memory_equal(self.descriptor, before, len);
    assert_int_equal(rl_self_refresh(&self, &config, TODAY, &changed), PN_OK);
    assert_false(changed);
}

/* What the operator changes is signed anew, under a higher sequence; what he
 * does not is not. */
static void follows_the_configuration(void **state)
{
    pn_descriptor old = read_own(), d;
    static uint8_t kept[PN_DESCRIPTOR_BYTES_MAX];
    (void)state;
    memcpy(kept, self.descriptor, self.len);
    assert_int_equal(pn_descriptor_read(&old, (pn_bytes){ kept, self.len }),
                     PN_OK);
    (void)snprintf(config.operator_name, sizeof config.operator_name, "Me");
    (void)snprintf(config.advertise, sizeof config.advertise,
                   "relay.example:1");
    assert_int_equal(rl_self_refresh(&self, &config, TODAY, &changed), PN_OK);
    assert_true(changed);
    d = read_own();
    assert_int_equal(pn_descriptor_newer(&old, &d), PN_OK);
    assert_int_equal(d.address_count, 1);
    assert_memory_equal(d.addresses[0].text.p, "relay.example:1", 15);
    assert_int_equal(d.addresses[0].carrier, PN_CARRIER_TCP);
    assert_memory_equal(d.label.p, "Me", 2);
    assert_memory_not_equal(d.operator_id, old.operator_id, 32);
    (void)snprintf(config.advertise, sizeof config.advertise, "abc.onion:1");
    assert_int_equal(rl_self_refresh(&self, &config, TODAY, &changed), PN_OK);
    d = read_own();
    assert_int_equal(d.addresses[0].carrier, PN_CARRIER_ONION);
}

/* The sequence rises when the file is lost, and when the clock goes back. */
static void sequences_only_rise(void **state)
{
    char path[128];
    uint64_t last = read_own().sequence;
    (void)state;
    simenv_advance(&sim, 60 * 1000);
    (void)snprintf(path, sizeof path, "%s/descriptor", dir);
    assert_int_equal(unlink(path), 0);
    restart(TODAY);
    assert_true(read_own().sequence > last);
    last = read_own().sequence;
    sim.wall_ms -= 10 * 1000;
    config.queue_days = 7;
    assert_int_equal(rl_self_refresh(&self, &config, TODAY, &changed), PN_OK);
    assert_true(read_own().sequence > last);
}

/* Ten weeks: keys come and go; the file of a dead one is gone, what it held
 * was overwritten first, and the descriptor is never without a key or late. */
static void ten_weeks(void **state)
{
    char path[128];
    uint8_t raw[RL_ONION_FILE_BYTES];
    static const uint8_t zeros[RL_ONION_FILE_BYTES];
    int fd;
    (void)state;
    path_of_key(path, &self.onions->at[0]);
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    for (unsigned day = 1; day <= 70; day++) {
        simenv_advance(&sim, DAY_MS);
        assert_int_equal(
            rl_self_refresh(&self, &config, (rl_day)(TODAY + day), &changed),
            PN_OK);
        assert_true(read_own().onion_count >= 1);
        assert_true(read_own().until_ms >= pn_wall_ms(&env) + 14 * DAY_MS);
        assert_int_equal(access(path, F_OK), day >= 42 ? -1 : 0);
        if (day % 10 == 0)
            restart((rl_day)(TODAY + day));
    }
    assert_int_equal(pread(fd, raw, sizeof raw, 0), sizeof raw);
    assert_memory_equal(raw, zeros, sizeof raw);
    (void)close(fd);
    assert_in_range(self.onions->count, 6, 7);
}

/* A file that is no key is left alone and said; the relay goes on. */
static void strange_files(void **state)
{
    char path[128], temp[128], other[128];
    size_t bad = 0;
    static rl_onions ring;
    (void)state;
    path_of_key(path, &self.onions->at[0]);
    (void)snprintf(temp, sizeof temp, "%s/onion/.abc.key.new", dir);
    {
        const int fd = open(temp, O_WRONLY | O_CREAT, 0600);
        assert_int_equal(write(fd, "secret", 6), 6);
        (void)close(fd);
    }
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(rl_onion_files_load(&ring, dir, TODAY, &env, &bad), PN_OK);
    assert_int_equal(bad, 1);
    assert_int_equal(ring.count, 0);
    assert_int_equal(chmod(path, 0600), 0);
    for (size_t at = 0; at < RL_ONION_FILE_BYTES; at += 5) {
        uint8_t raw[RL_ONION_FILE_BYTES];
        const int fd = open(path, O_RDWR);
        assert_int_equal(pread(fd, raw, sizeof raw, 0), sizeof raw);
        raw[at] ^= 1;
        assert_int_equal(pwrite(fd, raw, sizeof raw, 0), sizeof raw);
        assert_int_equal(rl_onion_files_load(&ring, dir, TODAY, &env, &bad),
                         PN_OK);
        assert_int_equal(bad, 1);
        assert_int_equal(ring.count, 0);
        raw[at] ^= 1;
        assert_int_equal(pwrite(fd, raw, sizeof raw, 0), sizeof raw);
        (void)close(fd);
    }
    /* Under another name it would outlive its end. */
    (void)snprintf(other, sizeof other, "%s/onion/00000000.key", dir);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(rl_onion_files_load(&ring, dir, TODAY, &env, &bad), PN_OK);
    assert_int_equal(bad, 1);
    assert_int_equal(ring.count, 0);
    assert_int_equal(rename(other, path), 0);
    restart(TODAY);
    assert_int_equal(access(temp, F_OK), -1);
    assert_int_equal(self.onions->count, 1);
    /* Born in the future of the calendar: it counts from today. */
    rl_onions_wipe(&ring);
    assert_int_equal(rl_onion_files_load(&ring, dir, 100, &env, &bad), PN_OK);
    assert_int_equal(ring.at[0].born, 100);
    rl_onions_wipe(&ring);
}

/* Without a place to write nothing changes, and nothing is lost. */
static void a_disk_that_fails(void **state)
{
    char path[128], away[128];
    const size_t len = self.len;
    (void)state;
    (void)snprintf(path, sizeof path, "%s/onion", dir);
    (void)snprintf(away, sizeof away, "%s/away", dir);
    assert_int_equal(rename(path, away), 0);
    {
        const int fd = open(path, O_WRONLY | O_CREAT, 0600);
        (void)close(fd);
    }
    simenv_advance(&sim, 8 * DAY_MS);
    assert_int_equal(rl_self_refresh(&self, &config, TODAY + 8, &changed),
                     PN_E_IO);
    assert_int_equal(self.onions->count, 1);
    assert_int_equal(self.len, len);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rename(away, path), 0);
    assert_int_equal(rl_self_refresh(&self, &config, TODAY + 8, &changed),
                     PN_OK);
    assert_int_equal(self.onions->count, 2);
}

static void descriptors_of_others(void **state)
{
    uint8_t key[32] = { 3 }, out[PN_DESCRIPTOR_BYTES_MAX];
    size_t len;
    (void)state;
    assert_int_equal(rl_self_recall(dir, key, out, &len), PN_E_NOT_FOUND);
    assert_int_equal(rl_self_keep(dir, key, PN_BYTES_LIT("what it says")),
                     PN_OK);
    assert_int_equal(rl_self_recall(dir, key, out, &len), PN_OK);
    assert_int_equal(len, 12);
    assert_memory_equal(out, "what it says", 12);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(survives_a_restart),    T(follows_the_configuration),
        T(sequences_only_rise),   T(ten_weeks),
        T(strange_files),         T(a_disk_that_fails),
        T(descriptors_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
