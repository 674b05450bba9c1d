#include "proto/wire/queue.h"

/* One byte that keeps a signature for one command from serving another. */
enum { COMMAND_CREATE = 1, COMMAND_OPEN = 2, BINDING_BYTES = 32 };

static pn_out begin(uint8_t out[PN_QUEUE_TRANSCRIPT_MAX],
                    const uint8_t *binding, uint8_t command)
{
    pn_out w = pn_out_over(out, PN_QUEUE_TRANSCRIPT_MAX);
    pn_put(&w, PN_BYTES_LIT("postern/queue/1"));
    pn_put_u8(&w, 0);
    pn_put(&w, (pn_bytes){ binding, BINDING_BYTES });
    pn_put_u8(&w, command);
    return w;
}

size_t pn_queue_open_transcript(uint8_t out[PN_QUEUE_TRANSCRIPT_MAX],
                                const uint8_t *binding, const uint8_t *recv_id)
{
    pn_out w = begin(out, binding, COMMAND_OPEN);
    pn_put(&w, (pn_bytes){ recv_id, PN_QUEUE_ID_BYTES });
    return w.len;
}

size_t pn_queue_create_transcript(uint8_t out[PN_QUEUE_TRANSCRIPT_MAX],
                                  const uint8_t *binding,
                                  const pn_msg_queue_create *create)
{
    pn_out w = begin(out, binding, COMMAND_CREATE);
    pn_put(&w, create->queue_key);
    pn_put(&w, create->deposit_hash);
    pn_put_u8(&w, (uint8_t)create->ttl_days);
    return w.len;
}

bool pn_envelope_len_ok(size_t len)
{
    return len == 896 || len == 3968 || len == 16256 || len == 65088;
}
