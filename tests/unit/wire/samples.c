#include "tests/unit/wire/samples.h"

#include "tests/support/cmocka.h"

uint8_t sample_block[PN_MSG_MAX];
const pn_opened_queue sample_queues[2] = {
    { .known = true, .handle = 3, .waiting = 300, .refused = 4, .flags = 1 },
    { .known = false },
};

pn_bytes sample_bytes(size_t at, size_t len)
{
    return (pn_bytes){ sample_block + at, len };
}

size_t samples(pn_msg out[SAMPLES])
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof sample_block; i++)
        sample_block[i] = (uint8_t)(i * 7 + i / 256);
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_DEPOSIT,
                         .u.deposit = { .send_id = sample_bytes(0, 32),
                                        .capability = sample_bytes(32, 32),
                                        .message_id = sample_bytes(64, 16),
                                        .priority = PN_PRIORITY_NORMAL,
                                        .ttl_days = 21,
                                        .envelope = sample_bytes(0, 896) } };
    out[n++] = (pn_msg){ .id = 1,
                         .kind = PN_MSG_DEPOSIT_RESULT,
                         .u.deposit_result = { PN_DEPOSIT_BUSY, 1500 } };
    out[n++] = (pn_msg){ .id = 2, .kind = PN_MSG_FETCH, .u.fetch = { 3, 32 } };
    out[n++] = (pn_msg){ .id = 0,
                         .kind = PN_MSG_DELIVER,
                         .u.deliver = { .handle = 3,
                                        .message_id = sample_bytes(64, 16),
                                        .priority = PN_PRIORITY_URGENT,
                                        .envelope = sample_bytes(0, 896) } };
    out[n++] = (pn_msg){ .id = 2,
                         .kind = PN_MSG_FETCH_END,
                         .u.fetch_end = { true, 4 } };
    out[n++] = (pn_msg){ .id = 4,
                         .kind = PN_MSG_ACK,
                         .u.ack = { 3, sample_bytes(64, 32), true } };
    out[n++] = (pn_msg){ .id = 4, .kind = PN_MSG_ACKED, .u.acked = { 2 } };
    out[n++] =
        (pn_msg){ .id = 5,
                  .kind = PN_MSG_QUEUE_CREATE,
                  .u.queue_create = { .queue_key = sample_bytes(0, 32),
                                      .deposit_hash = sample_bytes(32, 32),
                                      .ttl_days = 21,
                                      .window = 16,
                                      .access_secret = sample_bytes(0, 3),
                                      .signature = sample_bytes(64, 64) } };
    out[n++] = (pn_msg){ .id = 5,
                         .kind = PN_MSG_QUEUE_CREATED,
                         .u.queue_created = { .handle = 1,
                                              .recv_id = sample_bytes(0, 32),
                                              .send_id = sample_bytes(32, 32),
                                              .max_count = 128,
                                              .max_bytes = 4194304,
                                              .ttl_days = 21 } };
    out[n++] = (pn_msg){ .id = 6,
                         .kind = PN_MSG_QUEUE_OPEN,
                         .u.queue_open = { 16, sample_bytes(0, 192) } };
    out[n++] = (pn_msg){ .id = 6,
                         .kind = PN_MSG_QUEUE_OPENED,
                         .u.queue_opened = { sample_queues, 2 } };
    out[n++] = (pn_msg){ .id = 7,
                         .kind = PN_MSG_QUEUE_ROTATE,
                         .u.queue_rotate = { 3, sample_bytes(32, 32) } };
    out[n++] = (pn_msg){ .id = 8,
                         .kind = PN_MSG_QUEUE_SUSPEND,
                         .u.queue_handle = { 3 } };
    out[n++] = (pn_msg){ .id = 9,
                         .kind = PN_MSG_QUEUE_RESUME,
                         .u.queue_handle = { 3 } };
    out[n++] = (pn_msg){ .id = 10,
                         .kind = PN_MSG_QUEUE_DELETE,
                         .u.queue_handle = { 3 } };
    out[n++] = (pn_msg){ .id = 10,
                         .kind = PN_MSG_QUEUE_DONE,
                         .u.queue_done = { PN_QUEUE_OK, 0 } };
    out[n++] = (pn_msg){ .id = 0,
                         .kind = PN_MSG_QUEUE_CLOSED,
                         .u.queue_closed = { 3, PN_CLOSED_TAKEN } };
    out[n++] = (pn_msg){ .id = 11,
                         .kind = PN_MSG_FORWARD,
                         .u.forward = { .destination = sample_bytes(0, 32),
                                        .expires_days = 21,
                                        .priority = PN_PRIORITY_NORMAL,
                                        .parcel = sample_bytes(0, 2293) } };
    out[n++] = (pn_msg){ .id = 11,
                         .kind = PN_MSG_FORWARD_RESULT,
                         .u.forward_result = { PN_FORWARD_QUOTA, 60000 } };
    out[n++] = (pn_msg){ .id = 11,
                         .kind = PN_MSG_FORWARD_REPLY,
                         .u.forward_reply = { .outcome = PN_PARCEL_DONE,
                                              .reply = sample_bytes(0, 512) } };
    out[n++] =
        (pn_msg){ .id = 12,
                  .kind = PN_MSG_PARCEL,
                  .u.parcel = { PN_PRIORITY_URGENT, sample_bytes(0, 2293) } };
    out[n++] = (pn_msg){ .id = 12,
                         .kind = PN_MSG_PARCEL_RESULT,
                         .u.parcel_result = { .outcome = PN_PARCEL_REFUSED,
                                              .key_id = sample_bytes(7, 4) } };
    out[n++] = (pn_msg){ .id = 13,
                         .kind = PN_MSG_DESCRIPTOR_REQUEST,
                         .u.descriptor_request = { sample_bytes(0, 32) } };
    out[n++] = (pn_msg){ .id = 13,
                         .kind = PN_MSG_DESCRIPTOR,
                         .u.descriptor = { sample_bytes(0, 300) } };
    assert_int_equal(n, SAMPLES);
    return n;
}
