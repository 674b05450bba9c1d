#include "relay/net/self.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/envelope/envelope.h"
#include "proto/wire/address.h"
#include "proto/wire/base32.h"
#include "relay/sys/file.h"

#define DAY_MS (UINT64_C(24) * 3600 * 1000)

/* --- keys ----------------------------------------------------------------- */

static pn_err destroy(rl_self *self, const rl_onion *key)
{
    uint8_t id[PN_ONION_ID_BYTES];
    memcpy(id, key->id, sizeof id);
    PN_TRY(rl_onion_file_destroy(self->dir, id));
    rl_onions_remove(self->onions, id);
    return PN_OK;
}

/* A key with an id that another has is drawn again; PN_E_EXISTS after so many
 * tries is a generator that repeats itself. */
static pn_err make(rl_self *self, rl_day today, uint64_t now)
{
    rl_onion_seed seed = { .from_ms = now,
                           .until_ms = now + PN_ONION_VALID_DAYS * DAY_MS,
                           .born = today };
    pn_err err = PN_E_EXISTS;
    for (int tries = 0; tries < 8 && err == PN_E_EXISTS; tries++) {
        err = pn_random(self->env, seed.sk, sizeof seed.sk);
        if (err == PN_OK)
            err = rl_onions_add(self->onions, &seed);
    }
    if (err == PN_OK) {
        const rl_onion *key = rl_onions_current(self->onions, now);
        err = rl_onion_file_create(self->dir, key->id, &seed);
        if (err != PN_OK)
            rl_onions_remove(self->onions, key->id);
    }
    pn_wipe(&seed, sizeof seed);
    return err;
}

static pn_err destroy_dead(rl_self *self, rl_day today, uint64_t now,
                           bool *changed)
{
    const rl_onion *dead;
    while ((dead = rl_onions_dead(self->onions, today, now,
                                  pn_mono_ms(self->env))) != NULL) {
        PN_TRY(destroy(self, dead));
        *changed = true;
    }
    return PN_OK;
}

static pn_err renew(rl_self *self, rl_day today, uint64_t now, bool *changed)
{
    const rl_onion *surplus;
    if (!rl_onions_wants(self->onions, now))
        return PN_OK;
    surplus = rl_onions_surplus(self->onions, now);
    if (surplus != NULL)
        PN_TRY(destroy(self, surplus));
    PN_TRY(make(self, today, now));
    *changed = true;
    return PN_OK;
}

/* --- descriptor ----------------------------------------------------------- */

static void add_address(pn_descriptor *d, const char *text)
{
    const bool onion = strstr(text, ".onion:") != NULL;
    d->addresses[d->address_count++] = (pn_descriptor_address){
        .carrier = onion ? PN_CARRIER_ONION : PN_CARRIER_TCP,
        .text = { (const uint8_t *)text, strlen(text) }
    };
}

/* What is advertised, and only that; else where it listens. */
static void add_addresses(pn_descriptor *d, const rl_config *config)
{
    if (config->advertise[0] != 0) {
        add_address(d, config->advertise);
        return;
    }
    for (size_t i = 0; i < config->listen_count; i++) {
        struct sockaddr_storage addr;
        if (rl_endpoint_parse(config->listen[i], &addr) == PN_OK &&
            !rl_endpoint_is_any(&addr))
            add_address(d, config->listen[i]);
    }
}

/* The same for all relays whose operator has this name. */
static void name_operator(uint8_t out[PN_OPERATOR_ID_BYTES], const char *name)
{
    static const char label[] = "postern/operator/1";
    crypto_generichash_state s;
    memset(out, 0, PN_OPERATOR_ID_BYTES);
    if (name[0] == 0)
        return;
    (void)crypto_generichash_init(&s, NULL, 0, PN_OPERATOR_ID_BYTES);
    (void)crypto_generichash_update(&s, (const uint8_t *)label,
                                    sizeof label - 1);
    (void)crypto_generichash_update(&s, (const uint8_t *)name, strlen(name));
    (void)crypto_generichash_final(&s, out, PN_OPERATOR_ID_BYTES);
}

void rl_self_describe(pn_descriptor *d, const rl_config *config,
                      uint8_t operator_id[PN_OPERATOR_ID_BYTES])
{
    *d = (pn_descriptor){
        .features = PN_LINK_FEATURE_QUEUES | PN_LINK_FEATURE_PARCELS,
        .limits = { .largest = PN_ENVELOPE_L,
                    .ttl_days = (uint8_t)config->queue_days,
                    .forward_days = (uint8_t)config->spool_days,
                    .access = (uint8_t)(config->access + 1),
                    .queue_count = config->queue_messages,
                    .queue_bytes = config->queue_kib * 1024U },
        .operator_id = operator_id,
        .label = { (const uint8_t *)config->operator_name,
                   strlen(config->operator_name) },
    };
    name_operator(operator_id, config->operator_name);
    add_addresses(d, config);
}

_Static_assert((int)RL_CONFIG_OPEN + 1 == (int)PN_ACCESS_OPEN &&
                   (int)RL_CONFIG_SECRET + 1 == (int)PN_ACCESS_SECRET &&
                   (int)RL_CONFIG_CLOSED + 1 == (int)PN_ACCESS_CLOSED,
               "the configuration's words in their order");

/* Those that are good now; one that begins later is from a clock that was
 * ahead. */
static void add_keys(pn_descriptor *d, const rl_onions *onions, uint64_t now)
{
    for (size_t i = 0; i < onions->count; i++) {
        const rl_onion *k = &onions->at[i];
        if (now < k->from_ms || now >= k->until_ms)
            continue;
        d->onions[d->onion_count++] = (pn_descriptor_onion){
            .pk = k->key.pk, .from_ms = k->from_ms, .until_ms = k->until_ms
        };
    }
}

/* Ours, as it lies on disk; anything else counts as none. */
static bool read_last(const rl_self *self, uint8_t *raw, size_t *len,
                      pn_descriptor *last)
{
    return rl_file_read(self->dir, RL_FILE_DESCRIPTOR, raw,
                        PN_DESCRIPTOR_BYTES_MAX, len, NULL, NULL) == PN_OK &&
           pn_descriptor_read(last, (pn_bytes){ raw, *len }) == PN_OK &&
           memcmp(last->relay_key, self->identity->relay_key,
                  PN_DESCRIPTOR_KEY_BYTES) == 0;
}

static void take(rl_self *self, const uint8_t *raw, size_t len,
                 const uint8_t *hash)
{
    memcpy(self->descriptor, raw, len);
    memcpy(self->hash, hash, sizeof self->hash);
    self->len = len;
}

/* Whether the last one still says what is so: signing is deterministic, so
 * the same claims under the same times give the same bytes. */
static bool still_holds(const rl_self *self, const pn_descriptor *claims,
                        const pn_descriptor *last, pn_bytes raw, uint64_t now)
{
    uint8_t again[PN_DESCRIPTOR_BYTES_MAX];
    pn_descriptor d = *claims;
    size_t len;
    d.sequence = last->sequence;
    d.from_ms = last->from_ms;
    d.until_ms = last->until_ms;
    if (now < last->from_ms ||
        now + RL_DESCRIPTOR_LATE * DAY_MS > last->until_ms)
        return false;
    return pn_descriptor_sign(&d, self->identity->sign_sk, again, sizeof again,
                              &len) == PN_OK &&
           pn_bytes_equal((pn_bytes){ again, len }, raw);
}

static uint64_t next_sequence(uint64_t last, uint64_t now)
{
    const uint64_t seconds = now / 1000;
    return seconds > last ? seconds : last + 1;
}

static pn_err sign(rl_self *self, const rl_config *config, uint64_t now,
                   bool *changed)
{
    uint8_t operator_id[PN_OPERATOR_ID_BYTES];
    uint8_t raw[PN_DESCRIPTOR_BYTES_MAX];
    pn_descriptor d, last;
    size_t len = 0;
    uint64_t sequence = 0;
    rl_self_describe(&d, config, operator_id);
    d.relay_key = self->identity->relay_key;
    add_keys(&d, self->onions, now);
    if (read_last(self, raw, &len, &last)) {
        sequence = last.sequence;
        if (still_holds(self, &d, &last, (pn_bytes){ raw, len }, now)) {
            *changed = *changed || self->len == 0;
            take(self, raw, len, last.hash);
            return PN_OK;
        }
    }
    d.sequence = next_sequence(sequence, now);
    d.from_ms = now;
    d.until_ms = now + RL_DESCRIPTOR_DAYS * DAY_MS;
    PN_TRY(
        pn_descriptor_sign(&d, self->identity->sign_sk, raw, sizeof raw, &len));
    PN_TRY(
        rl_file_write(self->dir, RL_FILE_DESCRIPTOR, (pn_bytes){ raw, len }));
    take(self, raw, len, d.hash);
    *changed = true;
    return PN_OK;
}

/* --- both ----------------------------------------------------------------- */

pn_err rl_self_init(rl_self *self, const pn_env *env, const char *dir,
                    const pn_link_identity *identity, rl_day today)
{
    pn_err err;
    memset(self, 0, sizeof *self);
    self->env = env;
    self->identity = identity;
    if ((size_t)snprintf(self->dir, sizeof self->dir, "%s", dir) >=
        sizeof self->dir)
        return PN_E_ARG;
    self->onions = pn_alloc(1, sizeof *self->onions);
    if (self->onions == NULL)
        return PN_E_NOMEM;
    (void)sodium_mlock(self->onions, sizeof *self->onions);
    err = rl_onion_files_tidy(dir);
    if (err == PN_OK)
        err = rl_onion_files_load(self->onions, dir, today, env, NULL);
    if (err != PN_OK)
        rl_self_free(self);
    return err;
}

void rl_self_free(rl_self *self)
{
    const int why = errno;
    if (self->onions != NULL)
        (void)sodium_munlock(self->onions, sizeof *self->onions); /* wipes */
    pn_free(self->onions);
    self->onions = NULL;
    errno = why;
}

pn_err rl_self_refresh(rl_self *self, const rl_config *config, rl_day today,
                       bool *changed)
{
    const uint64_t now = pn_wall_ms(self->env);
    *changed = false;
    PN_TRY(destroy_dead(self, today, now, changed));
    PN_TRY(renew(self, today, now, changed));
    return sign(self, config, now, changed);
}

/* --- of others ------------------------------------------------------------ */

static void name_of(char out[PN_BASE32_LEN(PN_DESCRIPTOR_KEY_BYTES) + 1],
                    const uint8_t *key)
{
    pn_base32_encode(out, (pn_bytes){ key, PN_DESCRIPTOR_KEY_BYTES });
}

pn_err rl_self_keep(const char *dir, const uint8_t *key, pn_bytes descriptor)
{
    char path[RL_PATH_MAX], name[PN_BASE32_LEN(PN_DESCRIPTOR_KEY_BYTES) + 1];
    PN_TRY(rl_dir_path(dir, RL_DIR_KNOWN, path, sizeof path));
    PN_TRY(rl_dir_make(path));
    name_of(name, key);
    return rl_file_write(path, name, descriptor);
}

pn_err rl_self_recall(const char *dir, const uint8_t *key, uint8_t *out,
                      size_t *len)
{
    char path[RL_PATH_MAX], name[PN_BASE32_LEN(PN_DESCRIPTOR_KEY_BYTES) + 1];
    PN_TRY(rl_dir_path(dir, RL_DIR_KNOWN, path, sizeof path));
    name_of(name, key);
    return rl_file_read(path, name, out, PN_DESCRIPTOR_BYTES_MAX, len, NULL,
                        NULL);
}
