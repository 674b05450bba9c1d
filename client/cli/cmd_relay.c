/* postern relay ...: the relays a client may use. */
#include <inttypes.h>
#include <postern/postern.h>
#include <stdio.h>

#include "client/cli/cli.h"

enum { TIMEOUT_DEFAULT_MS = 10000, TIMEOUT_MAX_MS = 3600000 };

static void key_text(char out[65], const uint8_t key[32])
{
    for (size_t i = 0; i < 32; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", (unsigned)key[i]);
}

static void print_report(const cli_args *args,
                         const postern_relay_report *report)
{
    char key[65];
    key_text(key, report->relay_key);
    if (args->json) {
        cli_json_begin("relay-test");
        cli_json_milli("handshake_ms", report->handshake_us);
        cli_json_milli("roundtrip_ms", report->roundtrip_us);
        cli_json_text("relay_key", key);
        cli_json_u64("protocol", report->protocol_version);
        cli_json_u64("link_version", report->link_version);
        cli_json_text("software", report->software);
        cli_json_text("version", report->version);
        cli_json_u64("features", report->features);
        cli_json_i64("clock_difference_ms", report->clock_difference_ms);
        cli_json_u64("record_size", report->record_size);
        cli_json_u64("frame_max", report->frame_max);
        cli_json_end();
        return;
    }
    (void)printf("handshake %" PRIu64 ".%" PRIu64 " ms\n",
                 report->handshake_us / 1000,
                 report->handshake_us % 1000 / 100);
    (void)printf("roundtrip %" PRIu64 ".%" PRIu64 " ms\n",
                 report->roundtrip_us / 1000,
                 report->roundtrip_us % 1000 / 100);
    (void)printf("relay key %s\n", key);
    (void)printf("software %s %s\n", report->software, report->version);
    (void)printf("protocol %" PRIu32 ", link %" PRIu32 "\n",
                 report->protocol_version, report->link_version);
    (void)printf("features %#" PRIx64 "\n", report->features);
    (void)printf("record size %" PRIu32 " bytes\n", report->record_size);
    (void)printf("clock difference %+" PRId64 " ms\n",
                 report->clock_difference_ms);
}

static cli_exit explain(const cli_args *args, int error)
{
    const char *what = postern_strerror(error);
    switch (error) {
    case POSTERN_E_ADDRESS:
        return cli_fail(args, CLI_MALFORMED,
                        "%s; want postern://KEY@HOST:PORT, as `posternd "
                        "address` prints it",
                        what);
    case POSTERN_E_RESOLVE:
    case POSTERN_E_CONNECT:
        return cli_fail(args, CLI_UNREACHABLE,
                        "%s; check the address, the network, and that the "
                        "relay runs",
                        what);
    case POSTERN_E_TIMEOUT:
        return cli_fail(args, CLI_UNREACHABLE,
                        "%s; a relay with another key keeps silent, so check "
                        "the address, or try a longer --timeout",
                        what);
    case POSTERN_E_CLOSED:
        return cli_fail(args, CLI_UNREACHABLE,
                        "%s; it may be full or stopping: try again later",
                        what);
    case POSTERN_E_PROTOCOL:
    case POSTERN_E_VERSION:
    case POSTERN_E_AUTH:
        return cli_fail(args, CLI_PROTOCOL,
                        "%s; check the address, and update the older of the "
                        "two ends",
                        what);
    case POSTERN_E_SYSTEM:
        return cli_fail(args, CLI_IO, "%s", what);
    default:
        return cli_fail(args, CLI_INTERNAL, "%s", what);
    }
}

cli_exit cli_relay_test(const cli_args *args)
{
    postern_relay_report report = POSTERN_RELAY_REPORT_INIT;
    uint32_t timeout_ms = TIMEOUT_DEFAULT_MS;
    int error;
    if (args->timeout != NULL &&
        (!cli_duration(args->timeout, &timeout_ms) || timeout_ms == 0 ||
         timeout_ms > TIMEOUT_MAX_MS))
        return cli_fail(args, CLI_USAGE,
                        "--timeout wants a duration up to an hour, like "
                        "500ms, 10s or 2m, not `%.40s`",
                        args->timeout);
    error = postern_relay_test(args->words[0], timeout_ms, &report);
    if (error != POSTERN_OK)
        return explain(args, error);
    if (args->json || !args->quiet)
        print_report(args, &report);
    return cli_flush(args);
}
