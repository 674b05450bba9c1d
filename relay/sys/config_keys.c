#include "relay/sys/config_keys.h"

#include <inttypes.h>
#include <string.h>

#define AT(field) offsetof(rl_config, field)
#define SECONDS UINT64_C(1000)
#define DAYS (86400 * SECONDS)

const rl_key rl_keys[] = {
    { "listen", RL_KEY_LISTEN, AT(listen), 0, 0, "127.0.0.1:7717",
      "Where to listen: a numeric IPv4 address, or an IPv6 address in\n"
      "brackets, and a port. Up to four lines. The default is reached from\n"
      "this machine only; 0.0.0.0:7717 and [::]:7717 are reached from\n"
      "everywhere." },
    { "advertise", RL_KEY_ENDPOINT, AT(advertise), 0, 0, "",
      "The HOST:PORT clients dial, printed by `posternd address`. Needed\n"
      "where it is not the first `listen`: behind a name, a forwarded port\n"
      "or an onion service." },
    { "operator", RL_KEY_NAME, AT(operator_name), 0, 0, "",
      "Who runs this relay; `posternd status` shows it. At most 64 bytes." },
    { "log_level", RL_KEY_LEVEL, AT(log_level), 0, 0, "info",
      "debug, info, warning or error. No level logs client addresses, queue\n"
      "ids or content. Reloadable." },
    { "max_links", RL_KEY_NUMBER, AT(max_links), 0, 1000000, "0",
      "Most links at once. 0 takes what the limit on open files allows.\n"
      "Reloadable." },
    { "max_links_per_address", RL_KEY_NUMBER, AT(max_per_address), 1, 1000000,
      "256",
      "Most links from one IPv4 address or one IPv6 /64 network. Raise it\n"
      "where many clients arrive through one address, as with an onion\n"
      "service. Counted in memory only. Reloadable." },
    { "max_half_open", RL_KEY_NUMBER, AT(max_half_open), 2, 100000, "512",
      "Most handshakes under way at once. From half of it on, newcomers are\n"
      "asked to solve a puzzle first; at the bound each takes the place of\n"
      "the oldest that has proved least. Reloadable." },
    { "puzzle_bits_max", RL_KEY_NUMBER, AT(puzzle_bits_max), 0, 22, "16",
      "Hardest puzzle asked of newcomers under load, in leading zero bits;\n"
      "each bit doubles their work. 0 asks for none. Reloadable." },
    { "commands_per_second", RL_KEY_NUMBER, AT(commands_per_second), 1, 1000000,
      "200", "Commands one link may send, on average. Reloadable." },
    { "command_burst", RL_KEY_NUMBER, AT(command_burst), 1, 1000000, "400",
      "Commands one link may send at once after a pause. Reloadable." },
    { "queue_messages", RL_KEY_NUMBER, AT(queue_messages), 8, 1000000, "128",
      "Messages a new queue may hold. Bulk may take half of it, normal and\n"
      "bulk together seven eighths. Reloadable." },
    { "queue_kib", RL_KEY_NUMBER, AT(queue_kib), 128, 4194303, "4096",
      "Bytes a new queue may hold, in KiB, shared likewise. Reloadable." },
    { "queue_days", RL_KEY_NUMBER, AT(queue_days), 2, 90, "90",
      "The longest time to live a new queue may have, in days. Reloadable." },
    { "access", RL_KEY_ACCESS, AT(access), 0, 0, "open",
      "Who may create queues: open (anybody), secret (who knows\n"
      "access_secret) or closed (nobody). Depositing into a queue and reading\n"
      "one's own is not affected. Reloadable." },
    { "access_secret", RL_KEY_NAME, AT(access_secret), 0, 0, "",
      "What clients must show to create queues where access = secret. At\n"
      "most 64 bytes. Reloadable." },
    { "creates_per_minute", RL_KEY_NUMBER, AT(creates_per_minute), 1, 1000000,
      "64", "Queues one link may create in a minute. Reloadable." },
    { "creates_per_hour", RL_KEY_NUMBER, AT(creates_per_hour), 1, 100000000,
      "1024",
      "Queues that may be created in an hour from one IPv4 address or one\n"
      "IPv6 /64 network. Counted in memory only. Reloadable." },
    { "failures_per_minute", RL_KEY_NUMBER, AT(failures_per_minute), 1, 1000000,
      "20",
      "Commands of one link that name no queue, or not with the right key,\n"
      "capability or secret. Beyond it the link is closed. Reloadable." },
    { "max_open_queues", RL_KEY_NUMBER, AT(max_open_queues), 1, 100000000,
      "1000000",
      "Queues held open by links at once; each takes about 200 bytes of\n"
      "memory. Reloadable." },
    { "forwards_per_minute", RL_KEY_NUMBER, AT(forwards_per_minute), 1, 1000000,
      "600",
      "Parcels for other relays that one link may hand over in a minute.\n"
      "Reloadable." },
    { "forwards_per_hour", RL_KEY_NUMBER, AT(forwards_per_hour), 1, 100000000,
      "100000",
      "And from one IPv4 address or one IPv6 /64 network in an hour. Counted\n"
      "in memory only. Reloadable." },
    { "spool_max_parcels", RL_KEY_NUMBER, AT(spool_max_parcels), 8, 100000000,
      "100000",
      "Parcels kept for one relay that cannot be reached. Each takes about 64\n"
      "bytes of memory. Bulk may take half of it, normal and bulk together\n"
      "seven eighths. Reloadable." },
    { "spool_max_mib", RL_KEY_NUMBER, AT(spool_max_mib), 1, 100000000, "4096",
      "Their bytes, in MiB, shared likewise. Reloadable." },
    { "spool_days", RL_KEY_NUMBER, AT(spool_days), 2, 42, "21",
      "Days after which a parcel that could not be handed over is dropped.\n"
      "Its sender may ask for fewer, and has a copy of his own. Reloadable." },
    { "forward_delay_max", RL_KEY_DURATION, AT(forward_delay_max), 0,
      3600 * SECONDS, "0",
      "Hold each parcel for other relays back for a random time up to this,\n"
      "so that they leave in another order than they came. 0 does not.\n"
      "Reloadable." },
    { "peer_timeout", RL_KEY_DURATION, AT(peer_timeout), 1 * SECONDS,
      3600 * SECONDS, "60s",
      "A relay that answers nothing to our parcels for so long loses its link\n"
      "and is left alone for a while. Reloadable." },
    { "peer_commands_per_second", RL_KEY_NUMBER, AT(peer_commands), 1, 1000000,
      "2000", "Commands one link with another relay may send. Reloadable." },
    { "store_max_mib", RL_KEY_NUMBER, AT(store_max_mib), 16, 100000000,
      "262144", "Disk that the store may take, in MiB." },
    { "store_min_free_mib", RL_KEY_NUMBER, AT(store_min_free_mib), 0, 100000000,
      "2048",
      "Below so much free disk, in MiB, new messages and queues are refused;\n"
      "fetching and acknowledging goes on." },
    { "store_segment_mib", RL_KEY_NUMBER, AT(store_segment_mib), 1, 1024, "64",
      "Size of the store's files, in MiB. Four of them are kept ready." },
    { "idle_timeout", RL_KEY_DURATION, AT(idle_timeout), 1 * SECONDS, 7 * DAYS,
      "6m", "A link on which the client said nothing for so long is closed." },
    { "slow_timeout", RL_KEY_DURATION, AT(slow_timeout), 1 * SECONDS, 1 * DAYS,
      "30s",
      "A client that takes nothing of what is waiting for it for so long is\n"
      "closed." },
    { "output_mib", RL_KEY_NUMBER, AT(output_mib), 1, 1000000, "256",
      "Memory for what clients have not taken yet, of all links together, in\n"
      "MiB. From half of it on each link gets one message at a time; beyond\n"
      "it, those that do not take theirs are closed, the longest waited for\n"
      "first." },
    { "drain_timeout", RL_KEY_DURATION, AT(drain_timeout), 0, 1 * DAYS, "10s",
      "How long SIGTERM waits for links to end in good order." },
};
const size_t rl_key_count = sizeof rl_keys / sizeof rl_keys[0];
_Static_assert(sizeof rl_keys / sizeof rl_keys[0] <= RL_KEYS_MAX,
               "the parser notes which keys it has seen");

static pn_err refuse(char *why, size_t cap, const char *text)
{
    (void)snprintf(why, cap, "%s", text);
    return PN_E_PROTO;
}

static pn_err set_listen(rl_config *config, const char *value, char *why,
                         size_t cap)
{
    struct sockaddr_storage addr;
    if (config->listen_count == RL_LISTEN_MAX)
        return refuse(why, cap, "at most four `listen` lines are possible");
    if (rl_endpoint_parse(value, &addr) != PN_OK || !rl_endpoint_ok(value))
        return refuse(why, cap,
                      "want a numeric address and a port from 1 to 65535, "
                      "like 127.0.0.1:7717 or [::1]:7717");
    for (size_t i = 0; i < config->listen_count; i++)
        if (strcmp(config->listen[i], value) == 0)
            return refuse(why, cap, "the same endpoint is given twice");
    (void)snprintf(config->listen[config->listen_count++], RL_ENDPOINT_MAX,
                   "%s", value);
    return PN_OK;
}

/* Printable text: control characters would let a name forge log lines. */
static pn_err set_name(char *field, const char *value, char *why, size_t cap)
{
    const size_t len = strlen(value);
    if (len >= RL_OPERATOR_MAX)
        return refuse(why, cap, "longer than 64 bytes");
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
            return refuse(why, cap, "a control character is not allowed");
    memcpy(field, value, len + 1);
    return PN_OK;
}

static pn_err set_level(pn_log_level *field, const char *value, char *why,
                        size_t cap)
{
    static const char *const names[] = { "debug", "info", "warning", "error" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(value, names[i]) == 0) {
            *field = (pn_log_level)i;
            return PN_OK;
        }
    }
    return refuse(why, cap, "want debug, info, warning or error");
}

static pn_err set_access(rl_config_access *field, const char *value, char *why,
                         size_t cap)
{
    static const char *const names[] = { "open", "secret", "closed" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(value, names[i]) == 0) {
            *field = (rl_config_access)i;
            return PN_OK;
        }
    }
    return refuse(why, cap, "want open, secret or closed");
}

static pn_err set_number(const rl_key *key, void *field, const char *value,
                         char *why, size_t cap)
{
    const size_t len = strlen(value);
    uint64_t v = 0;
    bool good = len > 0 && len <= 9 && strspn(value, "0123456789") == len;
    for (size_t i = 0; good && i < len; i++)
        v = v * 10 + (uint64_t)(value[i] - '0');
    if (!good || v < key->min || v > key->max) {
        (void)snprintf(why, cap,
                       "want a whole number from %" PRIu64 " to %" PRIu64,
                       key->min, key->max);
        return PN_E_PROTO;
    }
    *(uint32_t *)field = (uint32_t)v;
    return PN_OK;
}

static pn_err set_duration(const rl_key *key, void *field, const char *value,
                           char *why, size_t cap)
{
    uint64_t ms;
    if (rl_duration_parse(value, &ms) != PN_OK)
        return refuse(why, cap,
                      "want a duration like 500ms, 10s, 2m, 1h or 7d");
    if (ms < key->min || ms > key->max) {
        (void)snprintf(why, cap,
                       "want a duration from %" PRIu64 "s to %" PRIu64 "s",
                       key->min / SECONDS, key->max / SECONDS);
        return PN_E_PROTO;
    }
    *(uint64_t *)field = ms;
    return PN_OK;
}

pn_err rl_key_set(const rl_key *key, rl_config *config, const char *value,
                  char *why, size_t cap)
{
    /* The offsets come from offsetof() on the type each kind implies, so the
     * alignment is right. */
    void *field = (char *)config + key->at;
    switch (key->kind) {
    case RL_KEY_LISTEN:
        return set_listen(config, value, why, cap);
    case RL_KEY_ENDPOINT:
        if (!rl_endpoint_ok(value))
            return refuse(why, cap, "want HOST:PORT, like relay.example:7717");
        (void)snprintf(field, RL_ENDPOINT_MAX, "%s", value);
        return PN_OK;
    case RL_KEY_NAME:
        return set_name(field, value, why, cap);
    case RL_KEY_LEVEL:
        return set_level(field, value, why, cap);
    case RL_KEY_ACCESS:
        return set_access(field, value, why, cap);
    case RL_KEY_NUMBER:
        return set_number(key, field, value, why, cap);
    case RL_KEY_DURATION:
        return set_duration(key, field, value, why, cap);
    }
    return PN_E_ARG;
}
