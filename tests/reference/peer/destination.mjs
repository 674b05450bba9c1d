/* The relay that parcels are for (PROTOCOL.md sections 4.3 to 4.6), on a link
 * that it has opened to an entry relay. Its queues are in memory only.
 */
import { areZeros, cat, equal, hex, Reader, u8, utf8, zeros } from './bytes.mjs';
import { blake2b, H, hash256, random, signPublic, verify } from './crypto.mjs';
import { envelopeSizes } from './frames.mjs';
import { ACK, CREATE, DELETE, DEPOSIT, FETCH, onionId, RESUME, ROTATE,
  sealAnswer, SUSPEND } from './parcel.mjs';
import { Relay } from './relay.mjs';
import { setupBaseR, xwingKeys } from './xwing.mjs';

const DONE = 1, REFUSED = 3;
const OK = 1, DUPLICATE = 2, SUSPENDED = 4, UNKNOWN = 5, EMPTY = 9, LARGER = 10;
const HEADER = 256, SIGNED = 192;

/* The fields of a command; throws if it is spelled otherwise. */
function readCommand(header, body) {
  const in_ = new Reader(header), c = { command: in_.number(1) };
  if (c.command === DEPOSIT)
    Object.assign(c, { sendId: in_.take(32), capability: in_.take(32),
      messageId: in_.take(16), priority: in_.number(1), ttlDays: in_.number(1),
      envelope: body });
  else if (c.command === CREATE)
    Object.assign(c, { queueKey: in_.take(32), depositHash: in_.take(32),
      ttlDays: in_.number(1), accessSecret: in_.take(in_.number(1)) });
  else
    c.recvId = in_.take(32);
  let count = 0;
  if (c.command === FETCH || c.command === ACK) {
    c.refusedSeen = in_.number(1);
    count = in_.number(1);
    if (c.command === FETCH)
      Object.assign(c, { room: in_.number(1), cursor: in_.take(18) });
  } else if (c.command === ROTATE) {
    c.depositHash = in_.take(32);
  } else if (![DEPOSIT, CREATE, SUSPEND, RESUME, DELETE].includes(c.command)) {
    throw new Error('another command');
  }
  const rest = new Reader(c.command === DEPOSIT ? zeros(0) : body);
  c.ids = Array.from({ length: count }, () => rest.take(16));
  if (!areZeros(in_.rest()) || !areZeros(rest.rest()))
    throw new Error('bytes where zeros belong');
  return c;
}

export class Destination {
  constructor(seed = random(32)) {
    this.seed = seed;
    this.key = signPublic(seed);
    this.onionKeys = xwingKeys(random(32));
    this.onion = this.onionKeys.pk;
    this.queues = [];
    this.tags = new Map(); /* to the first answer */
    this.opened = 0;
  }
  /* { c, sealed }; throws what is `refused`. */
  open(parcel) {
    const in_ = new Reader(parcel), front = in_.take(5), enc = in_.take(1120);
    if (!equal(front.slice(1), onionId(this.onion)))
      throw Object.assign(new Error('another key'), { isOtherKey: true });
    const context = setupBaseR(this.onionKeys, enc,
                               cat(utf8('postern/parcel/1'), this.key));
    const plain = context.open(front, in_.rest());
    const header = plain.slice(0, HEADER), body = plain.slice(HEADER);
    const binding = H('postern/parcel-binding/1', this.key, enc);
    const isDeposit = header[0] === DEPOSIT;
    if (envelopeSizes[front[0]] !== body.length || (!isDeposit && front[0] !== 0))
      throw new Error('another class');
    const c = readCommand(isDeposit ? header : header.slice(0, SIGNED), body);
    const isBy = (key) => verify(key, header.slice(SIGNED),
      utf8('postern/queue/1'), u8(0), binding, u8(3), header.slice(0, SIGNED),
      body);
    return { c, isBy, binding,
             secret: context.exportKey('postern/parcel-reply/1', 32) };
  }
  deposit(c) {
    const q = this.queues.find((other) => equal(other.sendId, c.sendId));
    if (!q || !q.hashes.some((h) => equal(h, hash256(c.capability))))
      return { status: UNKNOWN };
    if (q.isSuspended) return { status: SUSPENDED };
    if (q.ids.has(hex(c.messageId))) return { status: DUPLICATE };
    q.ids.add(hex(c.messageId));
    q.mail.push({ id: c.messageId, priority: c.priority, no: ++q.last,
                  envelope: c.envelope });
    return { status: OK };
  }
  create(c, isBy) {
    if (!isBy(c.queueKey)) return { status: 7 };
    const q = { key: c.queueKey, hashes: [c.depositHash], recvId: random(32),
      sendId: random(32), ids: new Set(), mail: [], last: 0,
      isSuspended: false };
    this.queues.push(q);
    return { status: OK, recvId: q.recvId, sendId: q.sendId, maxCount: 128,
             maxBytes: 4194304, ttlDays: c.ttlDays };
  }
  fetch(q, c) {
    const after = new Reader(c.cursor).number(8);
    const [first, ...more] = q.mail.filter((m) => m.no > after);
    const none = { refused: 0, more: false, priority: 0, class: 0,
      messageId: zeros(0), cursor: c.cursor, envelope: zeros(0) };
    if (!first) return { ...none, status: EMPTY };
    const size = envelopeSizes.indexOf(first.envelope.length);
    const about = { ...none, more: more.length > 0, class: size,
                    priority: first.priority, messageId: first.id };
    if (size > c.room) return { ...about, status: LARGER, cursor: zeros(0) };
    const cursor = Buffer.alloc(18);
    cursor.writeUInt32BE(first.no, 4);
    return { ...about, status: OK, envelope: first.envelope,
             cursor: Uint8Array.from(cursor) };
  }
  carryOut(c, isBy) {
    if (c.command === DEPOSIT) return this.deposit(c);
    if (c.command === CREATE) return this.create(c, isBy);
    const q = this.queues.find((other) => equal(other.recvId, c.recvId));
    const unknown = { status: UNKNOWN, refused: 0, more: false, priority: 0,
      class: 0, messageId: zeros(0), cursor: zeros(0), envelope: zeros(0) };
    if (!q || !isBy(q.key)) return unknown;
    const before = q.mail.length;
    q.mail = q.mail.filter((m) => !c.ids.some((id) => equal(id, m.id)));
    if (c.command === FETCH) return this.fetch(q, c);
    if (c.command === ROTATE) q.hashes.push(c.depositHash);
    if (c.command === SUSPEND) q.isSuspended = true;
    if (c.command === RESUME) q.isSuspended = false;
    if (c.command === DELETE)
      this.queues = this.queues.filter((other) => other !== q);
    return { status: OK, forgotten: before - q.mail.length };
  }
  /* The fields of a ParcelResult. */
  answer(parcel) {
    const tag = hex(blake2b(parcel.slice(5, 1125), { dkLen: 16 }));
    if (this.tags.has(tag)) return this.tags.get(tag);
    const result = { outcome: DONE, retry_after_ms: 0, key_id: zeros(0),
                     reply: zeros(0) };
    let opened;
    try {
      opened = this.open(parcel);
    } catch (error) {
      return { ...result, outcome: REFUSED,
               key_id: error.isOtherKey ? onionId(this.onion) : zeros(0) };
    }
    const { c, isBy } = opened;
    const answer = { retryAfterMs: 0, ...this.carryOut(c, isBy) };
    result.reply = sealAnswer(opened, c, answer, random(32));
    this.tags.set(tag, result);
    this.opened++;
    return result;
  }
  /* Answer what comes by way of the relay at `address`, until that ends. */
  async serve(address) {
    const relay = await Relay.connect(address, { seed: this.seed, code: 14,
                                                 features: 2 });
    while (!relay.ended) {
      const frame = await relay.push(1000);
      if (frame?.kind === 'Parcel')
        relay.say(frame.id, 'ParcelResult', this.answer(frame.parcel));
      else if (frame?.kind === 'DescriptorRequest')
        relay.say(frame.id, 'Descriptor', { descriptor: zeros(0) });
    }
  }
}
