/* The bytes of the log on disk; FORMAT.md is their description.
 * Pure: encodes and checks, never reads a file. Everything decoded here may
 * come from a damaged disk, so nothing is trusted before its checksum.
 * Integers are little-endian.
 */
#ifndef POSTERN_RELAY_STORE_FORMAT_H
#define POSTERN_RELAY_STORE_FORMAT_H

#include "relay/store/index.h"

enum {
    RL_FORMAT_VERSION = 1,
    RL_PAGE = 4096, /* frames and key slots begin on one */
    RL_SEAL_KEY_BYTES = 32,
    RL_SEAL_STRIDE = 512,
    RL_ROW_BYTES = 192, /* an encoded row */
    RL_ACK_BYTES = 24,  /* one acknowledged message: seq, id */
    RL_SNAP_MESSAGE_BYTES = 48,
};

static inline uint32_t rl_get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
}
static inline uint64_t rl_get64(const uint8_t *p)
{
    return rl_get32(p) | (uint64_t)rl_get32(p + 4) << 32;
}
static inline void rl_put32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}
static inline void rl_put64(uint8_t *p, uint64_t v)
{
    rl_put32(p, (uint32_t)v);
    rl_put32(p + 4, (uint32_t)(v >> 32));
}
static inline uint64_t rl_page_up(uint64_t n)
{
    return (n + RL_PAGE - 1) & ~(uint64_t)(RL_PAGE - 1);
}

/* A frame: one commit's records. Its header stands in clear. */
typedef struct rl_frame {
    uint64_t epoch;    /* the segment's incarnation */
    uint64_t seq;      /* rising over the whole log, never used twice */
    uint64_t previous; /* the frame before it; between are none that count */
    uint64_t durable;  /* frames up to this one were durable before */
    uint32_t len;      /* bytes of records behind the header, whole blocks */
    uint32_t records;
    rl_day day; /* the newest the store had seen */
} rl_frame;
void rl_frame_put(uint8_t out[RL_BLOCK], const rl_frame *f);
/* PN_E_CORRUPT unless it is a whole header of this epoch. */
PN_MUST_USE pn_err rl_frame_take(const uint8_t in[RL_BLOCK], uint64_t epoch,
                                 rl_frame *out);

typedef enum rl_record_type {
    RL_REC_QUEUE = 1, /* a row as it now is; body: the row */
    RL_REC_PUT,       /* a message; body: its body */
    RL_REC_MOVE,      /* the same message, copied by the cleaner */
    RL_REC_ACK,       /* body: RL_ACK_BYTES each */
    RL_REC_DELETE,    /* a row is gone */
    RL_REC_EXPIRE,    /* what expires by `day` is gone */
} rl_record_type;

/* A record: a block of header, then the body in whole blocks. */
typedef struct rl_record {
    rl_record_type type;
    rl_class class;
    rl_day day; /* put: expires; expire: the day */
    uint32_t len;
    uint32_t row;
    uint64_t serial; /* of the row */
    uint64_t seq;    /* of the message; expire: the clock's day, or 0 */
    uint8_t id[RL_MESSAGE_ID_BYTES];
} rl_record;
/* Header and checksums in front of the body already at out + RL_BLOCK; zeros
 * the body's last block up to its end. */
void rl_record_put(uint8_t *out, const rl_record *r);
/* Finish the checksums of a record written by rl_record_put(). */
void rl_record_seal(uint8_t *record);
/* A whole header, its body not yet looked at. PN_E_CORRUPT. */
PN_MUST_USE pn_err rl_record_take(const uint8_t in[RL_BLOCK], rl_record *out);
/* Whether the body behind the header at `in` is what was written. */
bool rl_record_body_ok(const uint8_t *in, const rl_record *r);

/* A row and its old capability, RL_ROW_BYTES. */
void rl_row_put(uint8_t *out, const rl_row *row, const rl_old_cap *old);
/* box and old_cap of *row are not set; old->until 0 when there is none.
 * PN_E_CORRUPT for values no row can have. */
PN_MUST_USE pn_err rl_row_take(const uint8_t *in, rl_row *row, rl_old_cap *old);

/* A message's entry in a snapshot; serial tells its row's life. */
void rl_snap_message_put(uint8_t *out, const rl_message *m, uint64_t serial);
PN_MUST_USE pn_err rl_snap_message_take(const uint8_t *in, rl_message *m,
                                        uint64_t *serial);

/* A slot of the key file. */
typedef struct rl_key_slot {
    uint64_t epoch; /* never 0 */
    uint8_t key[RL_SEAL_KEY_BYTES];
    uint64_t first; /* a segment's first frame, once durable; 0 before */
} rl_key_slot;
enum { RL_KEY_SLOT_BYTES = 64 };
void rl_key_slot_put(uint8_t out[RL_KEY_SLOT_BYTES], uint32_t index,
                     const rl_key_slot *k);
/* PN_E_NOT_FOUND for zeros (never used, or destroyed); PN_E_CORRUPT;
 * PN_E_VERSION. */
PN_MUST_USE pn_err rl_key_slot_take(const uint8_t in[RL_KEY_SLOT_BYTES],
                                    uint32_t index, rl_key_slot *out);

/* A chunk of a snapshot: a header in clear, then a sealed body. */
typedef enum rl_chunk_type {
    RL_CHUNK_HEAD = 1,   /* rl_snap_head */
    RL_CHUNK_ROWS,       /* row number, 4 bytes, then the row, each */
    RL_CHUNK_MESSAGES,   /* RL_SNAP_MESSAGE_BYTES each */
    RL_CHUNK_QUARANTINE, /* segment numbers, 4 bytes each */
    RL_CHUNK_END,        /* counts of rows and messages, 8 bytes each */
} rl_chunk_type;
typedef struct rl_chunk {
    rl_chunk_type type;
    uint32_t index; /* from 0, consecutive */
    uint32_t len;   /* of the body */
    uint32_t crc;   /* of the body, as sealed */
} rl_chunk;
void rl_chunk_put(uint8_t out[RL_BLOCK], uint64_t epoch, const rl_chunk *c);
PN_MUST_USE pn_err rl_chunk_take(const uint8_t in[RL_BLOCK], uint64_t epoch,
                                 rl_chunk *out);

typedef struct rl_snap_head {
    uint64_t number;
    uint64_t start;       /* frames from this one on are to be replayed */
    uint64_t next_seq;    /* of messages */
    uint64_t next_serial; /* of rows */
    uint64_t segment_size;
    rl_day today;
    rl_day clock;
} rl_snap_head;
enum { RL_SNAP_HEAD_BYTES = 64 };
void rl_snap_head_put(uint8_t out[RL_SNAP_HEAD_BYTES], const rl_snap_head *h);
void rl_snap_head_take(const uint8_t in[RL_SNAP_HEAD_BYTES], rl_snap_head *h);

/* XOR the keystream of `key` at file offset `at` (a multiple of RL_BLOCK)
 * from `in` to `out`, which may be the same; cheapest in whole strides.
 * PN_E_CRYPTO if the cipher itself fails: `out` then holds nothing of use. */
PN_MUST_USE pn_err rl_seal(uint8_t *out, const uint8_t *in, size_t len,
                           uint64_t at, const uint8_t key[RL_SEAL_KEY_BYTES]);

#endif
