/* Frames of a link: PROTOCOL.md sections 2, 3.1 and 4.1. */
import { bool, bytes, decode, encode, fixed64, message, sized, uint }
  from './proto2.mjs';

const id32 = bytes(32), handle = uint(1, 65535), retry = uint(0, 604800000);
const ttl = uint(2, 90), window = uint(0, 4096), any = uint(0, 2 ** 32 - 1);
const priority = uint(1, 3), name = bytes(1, 32), byHandle = { handle: [1, handle] };
export const envelopeSizes = [896, 3968, 16256, 65088];
const parcel = sized(2293, 5365, 17653, 66485);
const reply = sized(0, 512, 984, 4056, 16344, 65176);
const empty = {};

const bodies = {
  Deposit: [2, { send_id: [1, id32], capability: [2, id32],
    message_id: [3, bytes(16)], priority: [4, priority],
    ttl_days: [5, { ...ttl, ok: (v) => v === 0 || ttl.ok(v) }],
    envelope: [6, sized(...envelopeSizes)] }],
  DepositResult: [3, { status: [1, uint(1, 6)], retry_after_ms: [2, retry] }],
  Fetch: [4, { handle: [1, handle], max: [2, uint(1, 256)] }],
  Deliver: [5, { handle: [1, handle], message_id: [2, bytes(16)],
    priority: [3, priority], envelope: [4, sized(0, ...envelopeSizes)] }],
  FetchEnd: [6, { more: [1, bool], refused: [2, uint(0, 7)] }],
  Ack: [7, { handle: [1, handle], message_ids: [2, bytes(0, 16384)],
    refused_seen: [3, bool] }],
  Acked: [8, { forgotten: [1, uint(0, 1024)] }],
  Ping: [16, { data: [1, bytes(0, 64)] }],
  Pong: [17, { data: [1, bytes(0, 64)] }],
  InfoRequest: [18, empty],
  Info: [19, { software: [1, name], version: [2, name],
    protocol: [3, uint(1, 2 ** 32 - 1)], wall_ms: [4, fixed64()],
    frame_max: [5, uint(1, 2 ** 32 - 1)], features: [6, fixed64()] }],
  Bye: [20, { reason: [1, uint(1, 5)] }],
  Error: [21, { code: [1, uint(1, 4)], retry_after_ms: [2, retry] }],
  QueueCreate: [32, { queue_key: [1, id32], deposit_hash: [2, id32],
    ttl_days: [3, ttl], window: [4, window], access_secret: [5, bytes(0, 64)],
    signature: [6, bytes(64)] }],
  QueueCreated: [33, { handle: [1, handle], recv_id: [2, id32],
    send_id: [3, id32], max_count: [4, any], max_bytes: [5, any],
    ttl_days: [6, ttl] }],
  QueueOpen: [34, { window: [1, window], proofs: [2, bytes(96, 64 * 96)] }],
  QueueOpened: [35, { queues: [1, message({ known: [1, bool],
    handle: [2, uint(0, 65535)], waiting: [3, any], refused: [4, uint(0, 7)],
    flags: [5, uint(0, 3)] }), 'repeated'] }],
  QueueRotate: [36, { handle: [1, handle], deposit_hash: [2, id32] }],
  QueueSuspend: [37, byHandle],
  QueueResume: [38, byHandle],
  QueueDelete: [39, byHandle],
  QueueDone: [40, { status: [1, uint(1, 4)], retry_after_ms: [2, retry] }],
  QueueClosed: [41, { handle: [1, handle], reason: [2, uint(1, 2)] }],
  Forward: [64, { destination: [1, id32],
    expires_days: [2, uint(0, 42)], priority: [3, priority],
    parcel: [4, parcel] }],
  ForwardResult: [65, { status: [1, uint(1, 6)], retry_after_ms: [2, retry] }],
  ForwardReply: [66, { outcome: [1, uint(1, 3)], key_id: [2, sized(0, 4)],
    reply: [3, reply] }],
  Parcel: [67, { priority: [1, priority], parcel: [2, parcel] }],
  ParcelResult: [68, { outcome: [1, uint(1, 3)], retry_after_ms: [2, retry],
    key_id: [3, sized(0, 4)], reply: [4, reply] }],
  DescriptorRequest: [128, { relay_key: [1, sized(0, 32)] }],
  Descriptor: [129, { descriptor: [1, bytes(0, 12288)] }],
};

const table = { id: [1, uint(0, 2 ** 53)] };
for (const [kind, [no, fields]] of Object.entries(bodies))
  table[kind] = [no, message(fields), 'optional'];

export const encodeFrame = (id, kind, fields = {}) =>
  encode(table, { id, [kind]: fields });

/* { id, kind, and the fields of the message } */
export function decodeFrame(input) {
  const { id, ...rest } = decode(table, input);
  const kinds = Object.keys(rest);
  if (kinds.length !== 1) throw new Error('not one message');
  return { id, kind: kinds[0], ...rest[kinds[0]] };
}
