/* Recovery on arbitrary bytes. The input names a place in a good little store
 * and what to write there, over and over; then it is opened to preserve what
 * is left. It may refuse, or find damage: it may not crash, and whatever it
 * gives out must be what was once put in. Two ways in: raw bytes as they are,
 * or sealed and checksummed again, so that the checks behind the checksums
 * are reached as well.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relay/store/format.h"
#include "tests/store/bed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { BODY = 900, DEPOSITS = 12 };

static void ignore(void *ctx, const rl_result *r)
{
    (void)ctx;
    (void)r;
}

static void message_name(uint8_t out[16], uint8_t n)
{
    memset(out, n, 16);
}

static void run(rl_store *s, const rl_op *op, rl_store_result_fn *fn)
{
    if (rl_store_submit(s, op) != PN_OK)
        abort();
    for (int i = 0; i < 4; i++) {
        rl_store_flush(s);
        (void)rl_store_drain(s, fn, NULL);
    }
}

static void furnish(rl_store *s)
{
    uint8_t id[32], body[BODY], message[16];
    rl_op op = { .kind = RL_OP_CREATE, .day = 10, .id = id };
    memset(id, 7, sizeof id);
    op.u.create = (rl_create){ .send_id = (const uint8_t[32]){ 8 },
                               .owner = id,
                               .cap_hash = id,
                               .max_count = 50,
                               .max_bytes = 100000,
                               .ttl_days = 20 };
    run(s, &op, ignore);
    for (uint8_t n = 0; n < DEPOSITS; n++) {
        message_name(message, n);
        model_body(message, body, sizeof body);
        op = (rl_op){ .kind = RL_OP_DEPOSIT,
                      .day = 10,
                      .id = (const uint8_t[32]){ 8 } };
        op.u.deposit = (rl_deposit){ .cap_hash = id,
                                     .message_id = message,
                                     .class = RL_NORMAL,
                                     .body = { body, sizeof body } };
        run(s, &op, ignore);
        if (n == DEPOSITS / 2)
            rl_store_log_snapshot(s);
    }
    op = (rl_op){ .kind = RL_OP_ACK, .id = id };
    op.u.ack.ids = message;
    op.u.ack.count = 1;
    run(s, &op, ignore);
}

static void on_result(void *ctx, const rl_result *r)
{
    (void)ctx;
    if (r->kind != RL_OP_FETCH || r->status != RL_STATUS_OK)
        return;
    for (uint32_t i = 0; i < r->u.fetch.count; i++) {
        const rl_envelope *e = &r->u.fetch.envelopes[i];
        if (e->damaged != (e->body.len == 0))
            abort();
    }
}

/* Write a whole frame with the input as its records: right in every
 * checksum, wrong in anything else. */
static void forge_frame(bed *b, uint64_t seq, const uint8_t *data, size_t len)
{
    static uint8_t frame[RL_PAGE * 4];
    rl_key_slot key;
    size_t size;
    const uint8_t *keys = simfs_bytes(&b->disk, "keys", &size);
    const uint64_t place = (uint64_t)40 * RL_PAGE;
    uint8_t *segment;
    const size_t blocks = len / RL_BLOCK < 60 ? len / RL_BLOCK : 60;
    rl_frame f = { .seq = seq,
                   .previous = seq - 1,
                   .durable = seq - 1,
                   .len = (uint32_t)(blocks * RL_BLOCK),
                   .records = 0 };
    if (rl_key_slot_take(keys + (size_t)2 * 3 * RL_PAGE, 3, &key) != PN_OK)
        return;
    segment = simfs_bytes(&b->disk, "seg-00000", &size);
    memset(frame, 0, sizeof frame);
    if (blocks > 0)
        memcpy(frame + RL_BLOCK, data, blocks * RL_BLOCK);
    for (size_t i = 0; i < blocks;) {
        uint8_t *p = frame + (i + 1) * RL_BLOCK;
        const uint64_t bytes = rl_record_bytes(rl_get32(p + 8) & 0xfff);
        rl_put32(p + 8, rl_get32(p + 8) & 0xfff);
        if (i * RL_BLOCK + bytes > blocks * RL_BLOCK)
            break;
        rl_record_seal(p);
        f.records++;
        i += (size_t)(bytes / RL_BLOCK);
    }
    /* Behind everything: frame `seq` in the 40th page. */
    f.epoch = key.epoch;
    rl_frame_put(frame, &f);
    if (rl_seal(frame + RL_BLOCK, frame + RL_BLOCK, blocks * RL_BLOCK,
                place + RL_BLOCK, key.key) != PN_OK)
        abort();
    memcpy(segment + place, frame, sizeof frame);
}

static void poke(bed *b, const uint8_t *data, size_t len)
{
    static const char *const names[] = { "keys", "seg-00000", "snap-1",
                                         "seg-00001" };
    while (len >= 6) {
        size_t size = 0;
        uint8_t *p = simfs_bytes(&b->disk, names[data[0] % 4], &size);
        const size_t at = (size_t)data[1] << 12 | (size_t)data[2] << 4;
        size_t n = data[3];
        const bool cut = data[4] == 0xff;
        data += 5;
        len -= 5;
        n = n < len ? n : len;
        if (p != NULL && cut)
            simfs_cut(&b->disk, names[data[-5] % 4], at);
        else if (p != NULL && at + n <= size)
            memcpy(p + at, data, n);
        data += n;
        len -= n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static bed good, b;
    rl_verify_report report;
    uint8_t id[32];
    rl_op op = { .kind = RL_OP_FETCH, .id = id };
    memset(id, 7, sizeof id);
    op.u.fetch.max_count = RL_FETCH_MAX;
    op.u.fetch.max_bytes = UINT32_MAX;
    if (good.fs.ctx == NULL) {
        bed_init(&good, 3);
        if (bed_open(&good, RL_LOG_CREATE) != PN_OK)
            abort();
        furnish(good.store);
        rl_store_log_abandon(&good.store);
        simfs_crash(&good.disk);
    }
    bed_init(&b, 3);
    simfs_copy(&b.disk, &good.disk);
    if (len > 1 && data[0] % 2 == 0)
        forge_frame(&b, 2U + data[1] % 32U, data + 2, len - 2);
    else if (len > 1)
        poke(&b, data + 1, len - 1);
    (void)!rl_store_log_verify(&b.fs, &b.env, &b.cfg, &report);
    if (bed_open(&b, RL_LOG_PRESERVE) == PN_OK) {
        run(b.store, &op, on_result);
        op = (rl_op){ .kind = RL_OP_EXPIRE, .day = 200 };
        run(b.store, &op, on_result);
        rl_store_close(&b.store);
    }
    bed_free(&b);
    return 0;
}
