#include "relay/store/format.h"

#include <sodium.h>
#include <string.h>

#include "proto/crypto/aead.h"
#include "relay/store/crc32c.h"

/* "PNF1" and "PNC1", "PNK1", as they stand in the file. */
enum {
    FRAME_MAGIC = 0x31464e50,
    CHUNK_MAGIC = 0x31434e50,
    KEY_MAGIC = 0x314b4e50,
};

void rl_frame_put(uint8_t out[RL_BLOCK], const rl_frame *f)
{
    memset(out, 0, RL_BLOCK);
    rl_put32(out, FRAME_MAGIC);
    rl_put64(out + 8, f->epoch);
    rl_put64(out + 16, f->seq);
    rl_put64(out + 24, f->durable);
    rl_put32(out + 32, f->len);
    rl_put32(out + 36, f->records);
    rl_put32(out + 40, f->day);
    rl_put64(out + 44, f->previous);
    rl_put32(out + 4, rl_crc32c(0, out + 8, RL_BLOCK - 8));
}

pn_err rl_frame_take(const uint8_t in[RL_BLOCK], uint64_t epoch, rl_frame *out)
{
    if (rl_get32(in) != FRAME_MAGIC || rl_get64(in + 8) != epoch ||
        rl_get32(in + 4) != rl_crc32c(0, in + 8, RL_BLOCK - 8))
        return PN_E_CORRUPT;
    out->epoch = epoch;
    out->seq = rl_get64(in + 16);
    out->durable = rl_get64(in + 24);
    out->len = rl_get32(in + 32);
    out->records = rl_get32(in + 36);
    out->day = (rl_day)rl_get32(in + 40);
    out->previous = rl_get64(in + 44);
    return out->len % RL_BLOCK == 0 && out->records <= out->len / RL_BLOCK &&
                   out->previous < out->seq && out->durable <= out->previous
               ? PN_OK
               : PN_E_CORRUPT;
}

void rl_record_put(uint8_t *out, const rl_record *r)
{
    const size_t pad = (size_t)(rl_record_bytes(r->len) - RL_BLOCK) - r->len;
    memset(out, 0, RL_BLOCK);
    rl_put32(out + 8, r->len);
    out[12] = (uint8_t)r->type;
    out[13] = (uint8_t)r->class;
    out[14] = (uint8_t)r->day;
    out[15] = (uint8_t)(r->day >> 8);
    rl_put64(out + 16, r->serial);
    rl_put64(out + 24, r->seq);
    memcpy(out + 32, r->id, RL_MESSAGE_ID_BYTES);
    rl_put32(out + 48, r->row);
    memset(out + RL_BLOCK + r->len, 0, pad);
}

/* The body's checksum covers its padding, the header's covers both. */
void rl_record_seal(uint8_t *record)
{
    const uint32_t body = rl_get32(record + 8);
    const size_t len = (size_t)(rl_record_bytes(body) - RL_BLOCK);
    rl_put32(record + 4, rl_crc32c(0, record + RL_BLOCK, len));
    rl_put32(record, rl_crc32c(0, record + 4, RL_BLOCK - 4));
}

pn_err rl_record_take(const uint8_t in[RL_BLOCK], rl_record *out)
{
    if (rl_get32(in) != rl_crc32c(0, in + 4, RL_BLOCK - 4) ||
        in[12] < RL_REC_QUEUE || in[12] > RL_REC_EXPIRE ||
        in[13] >= RL_CLASSES || rl_get32(in + 8) > RL_BODY_MAX)
        return PN_E_CORRUPT;
    out->type = (rl_record_type)in[12];
    out->class = (rl_class)in[13];
    out->day = (rl_day)(in[14] | in[15] << 8);
    out->len = rl_get32(in + 8);
    out->serial = rl_get64(in + 16);
    out->seq = rl_get64(in + 24);
    memcpy(out->id, in + 32, RL_MESSAGE_ID_BYTES);
    out->row = rl_get32(in + 48);
    return PN_OK;
}

bool rl_record_body_ok(const uint8_t *in, const rl_record *r)
{
    const size_t len = (size_t)(rl_record_bytes(r->len) - RL_BLOCK);
    return rl_get32(in + 4) == rl_crc32c(0, in + RL_BLOCK, len);
}

void rl_row_put(uint8_t *out, const rl_row *row, const rl_old_cap *old)
{
    memset(out, 0, RL_ROW_BYTES);
    memcpy(out, row->recv_id, RL_QUEUE_ID_BYTES);
    memcpy(out + 32, row->send_id, RL_QUEUE_ID_BYTES);
    memcpy(out + 64, row->owner, RL_OWNER_KEY_BYTES);
    memcpy(out + 96, row->cap, RL_CAP_HASH_BYTES);
    if (old != NULL) {
        memcpy(out + 128, old->cap, RL_CAP_HASH_BYTES);
        rl_put32(out + 160, old->until);
    }
    rl_put64(out + 164, row->serial);
    rl_put32(out + 172, row->max_count);
    rl_put32(out + 176, row->max_bytes);
    rl_put32(out + 180, row->created);
    out[184] = row->ttl_days;
    out[185] = row->refused;
    out[186] = row->flags;
}

pn_err rl_row_take(const uint8_t *in, rl_row *row, rl_old_cap *old)
{
    memset(row, 0, sizeof *row);
    memcpy(row->recv_id, in, RL_QUEUE_ID_BYTES);
    memcpy(row->send_id, in + 32, RL_QUEUE_ID_BYTES);
    memcpy(row->owner, in + 64, RL_OWNER_KEY_BYTES);
    memcpy(row->cap, in + 96, RL_CAP_HASH_BYTES);
    memcpy(old->cap, in + 128, RL_CAP_HASH_BYTES);
    old->until = rl_get32(in + 160);
    row->serial = rl_get64(in + 164);
    row->max_count = rl_get32(in + 172);
    row->max_bytes = rl_get32(in + 176);
    row->created = (rl_day)rl_get32(in + 180);
    row->ttl_days = in[184];
    row->refused = in[185];
    row->flags = in[186];
    return row->serial > 0 && row->max_count > 0 && row->max_bytes > 0 &&
                   row->ttl_days > 0 && row->ttl_days <= RL_TTL_DAYS_MAX
               ? PN_OK
               : PN_E_CORRUPT;
}

void rl_snap_message_put(uint8_t *out, const rl_message *m, uint64_t serial)
{
    rl_put64(out, m->seq);
    rl_put64(out + 8, serial);
    memcpy(out + 16, m->id, RL_MESSAGE_ID_BYTES);
    rl_put32(out + 32, m->row);
    rl_put32(out + 36, m->at);
    rl_put32(out + 40, (uint32_t)m->len | (uint32_t)m->class << 24 |
                           (uint32_t)m->acked << 26);
    rl_put32(out + 44, (uint32_t)m->segment | (uint32_t)m->expires << 16);
}

pn_err rl_snap_message_take(const uint8_t *in, rl_message *m, uint64_t *serial)
{
    const uint32_t bits = rl_get32(in + 40);
    *m = (rl_message){ .seq = rl_get64(in),
                       .row = rl_get32(in + 32),
                       .at = rl_get32(in + 36),
                       .len = bits & 0xffffff,
                       .class = bits >> 24 & 3,
                       .acked = bits >> 26 & 1,
                       .segment = (uint16_t)rl_get32(in + 44),
                       .expires = (rl_day)(rl_get32(in + 44) >> 16) };
    memcpy(m->id, in + 16, RL_MESSAGE_ID_BYTES);
    *serial = rl_get64(in + 8);
    return m->class < RL_CLASSES && m->len > 0 && m->len <= RL_BODY_MAX
               ? PN_OK
               : PN_E_CORRUPT;
}

void rl_key_slot_put(uint8_t out[RL_KEY_SLOT_BYTES], uint32_t index,
                     const rl_key_slot *k)
{
    memset(out, 0, RL_KEY_SLOT_BYTES);
    rl_put32(out, KEY_MAGIC);
    rl_put32(out + 8, RL_FORMAT_VERSION);
    rl_put32(out + 12, index);
    rl_put64(out + 16, k->epoch);
    memcpy(out + 24, k->key, RL_SEAL_KEY_BYTES);
    rl_put64(out + 56, k->first);
    rl_put32(out + 4, rl_crc32c(0, out + 8, RL_KEY_SLOT_BYTES - 8));
}

pn_err rl_key_slot_take(const uint8_t in[RL_KEY_SLOT_BYTES], uint32_t index,
                        rl_key_slot *out)
{
    if (sodium_is_zero(in, RL_KEY_SLOT_BYTES))
        return PN_E_NOT_FOUND;
    if (rl_get32(in) != KEY_MAGIC ||
        rl_get32(in + 4) != rl_crc32c(0, in + 8, RL_KEY_SLOT_BYTES - 8))
        return PN_E_CORRUPT;
    if (rl_get32(in + 8) != RL_FORMAT_VERSION)
        return PN_E_VERSION;
    if (rl_get32(in + 12) != index)
        return PN_E_CORRUPT;
    out->epoch = rl_get64(in + 16);
    memcpy(out->key, in + 24, RL_SEAL_KEY_BYTES);
    out->first = rl_get64(in + 56);
    return PN_OK;
}

void rl_chunk_put(uint8_t out[RL_BLOCK], uint64_t epoch, const rl_chunk *c)
{
    memset(out, 0, RL_BLOCK);
    rl_put32(out, CHUNK_MAGIC);
    rl_put64(out + 8, epoch);
    rl_put32(out + 16, (uint32_t)c->type);
    rl_put32(out + 20, c->index);
    rl_put32(out + 24, c->len);
    rl_put32(out + 28, c->crc);
    rl_put32(out + 4, rl_crc32c(0, out + 8, RL_BLOCK - 8));
}

pn_err rl_chunk_take(const uint8_t in[RL_BLOCK], uint64_t epoch, rl_chunk *out)
{
    const uint32_t type = rl_get32(in + 16);
    if (rl_get32(in) != CHUNK_MAGIC || rl_get64(in + 8) != epoch ||
        rl_get32(in + 4) != rl_crc32c(0, in + 8, RL_BLOCK - 8) ||
        type < RL_CHUNK_HEAD || type > RL_CHUNK_END)
        return PN_E_CORRUPT;
    out->type = (rl_chunk_type)type;
    out->index = rl_get32(in + 20);
    out->len = rl_get32(in + 24);
    out->crc = rl_get32(in + 28);
    return PN_OK;
}

void rl_snap_head_put(uint8_t out[RL_SNAP_HEAD_BYTES], const rl_snap_head *h)
{
    memset(out, 0, RL_SNAP_HEAD_BYTES);
    rl_put64(out, h->number);
    rl_put64(out + 8, h->start);
    rl_put64(out + 16, h->next_seq);
    rl_put64(out + 24, h->next_serial);
    rl_put64(out + 32, h->segment_size);
    rl_put32(out + 40, h->today);
    rl_put32(out + 44, h->clock);
}

void rl_snap_head_take(const uint8_t in[RL_SNAP_HEAD_BYTES], rl_snap_head *h)
{
    *h = (rl_snap_head){ .number = rl_get64(in),
                         .start = rl_get64(in + 8),
                         .next_seq = rl_get64(in + 16),
                         .next_serial = rl_get64(in + 24),
                         .segment_size = rl_get64(in + 32),
                         .today = (rl_day)rl_get32(in + 40),
                         .clock = (rl_day)rl_get32(in + 44) };
}

pn_err rl_seal(uint8_t *out, const uint8_t *in, size_t len, uint64_t at,
               const uint8_t key[RL_SEAL_KEY_BYTES])
{
    static const uint8_t nonce[PN_AEAD_NONCE_BYTES] = { 0 };
    return pn_chacha20_xor(out, in, len, (uint32_t)(at / RL_BLOCK), nonce, key);
}
