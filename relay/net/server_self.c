/* The server's own keys and descriptor, and what it knows of other relays. */
#include <errno.h>
#include <string.h>

#include "relay/net/server.h"

enum { HOUR_MS = 3600 * 1000 };

/* Whatever changed, tell the core, and those who open links from now on. */
static pn_err refresh_self(rl_server *s)
{
    bool changed = false;
    const pn_err err =
        rl_self_refresh(&s->self, &s->config, rl_core_today(s->core), &changed);
    if (changed && s->self.len > 0) {
        PN_TRY(rl_core_set_self(s->core, s->self.onions,
                                (pn_bytes){ s->self.descriptor, s->self.len }));
        pn_gate_set_terms(s->gate, s->relay.features, s->self.hash);
    }
    rl_server_set_clock(s);
    return err;
}

void rl_server_renew_self(rl_server *s)
{
    const pn_err err = s->self.onions != NULL ? refresh_self(s) : PN_OK;
    if (err != PN_OK)
        pn_log(s->env, PN_LOG_ERROR,
               "onion keys and descriptor could not be renewed: %s; trying "
               "again in an hour",
               err == PN_E_IO && errno != 0 ? strerror(errno)
                                            : pn_strerror(err));
}

static void on_hour(uv_timer_t *timer)
{
    rl_server_renew_self(timer->data);
}

pn_err rl_server_set_self(rl_server *s, const char *dir)
{
    PN_TRY(rl_self_init(&s->self, s->env, dir, &s->identity,
                        rl_core_today(s->core)));
    PN_TRY(refresh_self(s));
    (void)uv_timer_start(&s->hourly, on_hour, HOUR_MS, HOUR_MS);
    return PN_OK;
}

void rl_server_recall_known(rl_server *s)
{
    uint8_t raw[PN_DESCRIPTOR_BYTES_MAX];
    size_t len;
    for (size_t i = 0; i < s->peers.count && s->self.onions != NULL; i++) {
        const uint8_t *key = s->peers.at[i].address.relay_key;
        pn_err err = rl_self_recall(s->self.dir, key, raw, &len);
        if (err == PN_OK)
            err = rl_core_learn(s->core, key, (pn_bytes){ raw, len });
        if (err != PN_OK && err != PN_E_EXISTS && err != PN_E_NOT_FOUND)
            pn_log(s->env, PN_LOG_WARN,
                   "a descriptor in " RL_DIR_KNOWN " is no good: %s",
                   pn_strerror(err));
    }
}

void rl_server_take_config(rl_server *s, const rl_config *config)
{
    rl_config next = *config;
    next.listen_count = s->config.listen_count;
    memcpy(next.listen, s->config.listen, sizeof next.listen);
    memcpy(next.advertise, s->config.advertise, sizeof next.advertise);
    s->config = next;
}
