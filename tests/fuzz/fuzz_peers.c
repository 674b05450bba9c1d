#include <string.h>

#include "relay/sys/peers.h"
#include "tests/fuzz/fuzz.h"

/* A list that parses is written and read again as the same; one that does not
 * says in which line and why, and leaves nothing. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static char text[RL_PEERS_BYTES_MAX];
    rl_peer_list list, again;
    rl_peers_fault fault;
    size_t at = 0;
    if (rl_peers_parse(&list, (pn_bytes){ data, len }, &fault) != PN_OK) {
        FUZZ_CHECK(fault.why != NULL && fault.line > 0);
        FUZZ_CHECK(list.count == 0 && list.at == NULL);
        return 0;
    }
    FUZZ_CHECK(list.count <= RL_PEERS_MAX);
    for (size_t i = 0; i < list.count; i++) {
        rl_peer_entry_format(text + at, &list.at[i]);
        at += strlen(text + at);
        text[at++] = '\n';
    }
    FUZZ_CHECK(rl_peers_parse(&again, (pn_bytes){ (const uint8_t *)text, at },
                              &fault) == PN_OK);
    FUZZ_CHECK(again.count == list.count);
    for (size_t i = 0; i < list.count; i++) {
        char a[RL_PEER_LINE_MAX], b[RL_PEER_LINE_MAX];
        rl_peer_entry_format(a, &list.at[i]);
        rl_peer_entry_format(b, &again.at[i]);
        FUZZ_CHECK(strcmp(a, b) == 0);
    }
    rl_peers_free(&list);
    rl_peers_free(&again);
    return 0;
}
