/* Parcels and their answers: PROTOCOL.md sections 4.3 to 4.6, the sender's
 * side, and the answering side as far as vectors need it.
 */
import { areZeros, cat, pad, Reader, u32, u8, utf8 } from './bytes.mjs';
import { blake2b, chacha20poly1305, H, HKDF, sign } from './crypto.mjs';
import { envelopeSizes } from './frames.mjs';
import { setupBaseS } from './xwing.mjs';

export const DEPOSIT = 2, FETCH = 4, ACK = 7, CREATE = 32, ROTATE = 36,
  SUSPEND = 37, RESUME = 38, DELETE = 39;
export const onionId = (pk) => H('postern/onion-key/1', pk).slice(0, 4);

/* A command is { command, and the fields of section 4.4 }, `ids` a list. */
function fieldsOf(c) {
  switch (c.command) {
  case DEPOSIT:
    return cat(c.sendId, c.capability, c.messageId, u8(c.priority),
               u8(c.ttlDays));
  case FETCH:
    return cat(c.recvId, u8(c.refusedSeen), u8(c.ids.length), u8(c.room),
               c.cursor);
  case ACK:
    return cat(c.recvId, u8(c.refusedSeen), u8(c.ids.length));
  case CREATE:
    return cat(c.queueKey, c.depositHash, u8(c.ttlDays),
               u8(c.accessSecret.length), c.accessSecret);
  case ROTATE:
    return cat(c.recvId, c.depositHash);
  default:
    return c.recvId;
  }
}

/* To { key, onion }: a relay key and an onion key of its. */
export function sealParcel(to, c, queueSeed, seed) {
  const isDeposit = c.command === DEPOSIT;
  const body = isDeposit ? c.envelope : pad(896, ...(c.ids ?? []));
  const front = cat(u8(envelopeSizes.indexOf(body.length)), onionId(to.onion));
  const context = setupBaseS(to.onion, cat(utf8('postern/parcel/1'), to.key),
                             seed);
  const binding = H('postern/parcel-binding/1', to.key, context.enc);
  let header = pad(isDeposit ? 256 : 192, u8(c.command), fieldsOf(c));
  if (!isDeposit)
    header = cat(header, sign(queueSeed, utf8('postern/queue/1'), u8(0),
                              binding, u8(3), header, body));
  return {
    parcel: cat(front, context.enc, context.seal(front, cat(header, body))),
    tag: blake2b(context.enc, { dkLen: 16 }),
    binding,
    secret: context.exportKey('postern/parcel-reply/1', 32),
  };
}

const roomOf = (c) => c.command === FETCH ? c.room : 0;
const plainSize = (c) => c.command === FETCH ? 40 + envelopeSizes[c.room] : 464;

function answerCipher(sealed, c, nonce) {
  const okm = HKDF(cat(sealed.binding, nonce), sealed.secret,
                   utf8('postern/parcel-reply/1'), 44);
  return chacha20poly1305(okm.slice(0, 32), okm.slice(32),
                          cat(u8(c.command), u8(roomOf(c))));
}

function plainAnswer(c, a) {
  if (c.command === FETCH) {
    const flags = a.refused | (a.more ? 8 : 0) | a.priority << 4 |
                  a.class << 6;
    return pad(plainSize(c), u8(a.status), u8(flags), u32(a.retryAfterMs),
               pad(16, a.messageId), pad(18, a.cursor), a.envelope);
  }
  const front = cat(u8(a.status), u32(a.retryAfterMs));
  if (a.status === 1 && c.command === CREATE)
    return pad(464, front, a.recvId, a.sendId, u32(a.maxCount),
               u32(a.maxBytes), u8(a.ttlDays));
  if (a.status === 1 && c.command === ACK)
    return pad(464, front, u8(a.forgotten));
  return pad(464, front);
}

export const sealAnswer = (sealed, c, a, nonce) =>
  cat(nonce, answerCipher(sealed, c, nonce).encrypt(plainAnswer(c, a)));

/* The answer to a command that `sealed` came of; throws if it is another's. */
export function openAnswer(sealed, c, reply) {
  const in_ = new Reader(
    answerCipher(sealed, c, reply.slice(0, 32)).decrypt(reply.slice(32)));
  if (in_.left !== plainSize(c)) throw new Error('a reply of another size');
  const a = { status: in_.number(1) };
  if (c.command === FETCH) {
    const flags = in_.number(1);
    Object.assign(a, { refused: flags & 7, more: (flags & 8) !== 0,
      priority: flags >> 4 & 3, class: flags >> 6,
      retryAfterMs: in_.number(4), messageId: in_.take(16),
      cursor: in_.take(18) });
    a.envelope = in_.take(a.status === 1 ? envelopeSizes[a.class] : 0);
  } else {
    a.retryAfterMs = in_.number(4);
    if (a.status === 1 && c.command === CREATE)
      Object.assign(a, { recvId: in_.take(32), sendId: in_.take(32),
        maxCount: in_.number(4), maxBytes: in_.number(4),
        ttlDays: in_.number(1) });
    if (a.status === 1 && c.command === ACK) a.forgotten = in_.number(1);
  }
  if (!areZeros(in_.rest())) throw new Error('bytes where zeros belong');
  return a;
}
