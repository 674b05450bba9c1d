/* A link to a relay over TCP, and the commands on it: PROTOCOL.md sections 2,
 * 3.1 and 4.1. One question is one promise; whatever ends the link rejects all.
 */
import net from 'node:net';
import { readAddress } from './address.mjs';
import { cat, empty, hex, u8, utf8 } from './bytes.mjs';
import { hash256, random, sign, signPublic } from './crypto.mjs';
import { decodeFrame, encodeFrame } from './frames.mjs';
import { Link } from './link.mjs';

const PATIENCE_MS = 30000;
/* Answers that are not the last to their question. */
const isMore = ({ kind }) => kind === 'Deliver';

export class Relay {
  static connect(address, options = {}) {
    return new Promise((resolve, reject) => {
      const relay = new Relay(readAddress(address), options);
      relay.opened = resolve;
      relay.refused = reject;
    });
  }
  constructor(address, options) {
    this.link = new Link({ relayKey: address.key, ...options });
    this.questions = new Map();
    this.pushed = []; /* frames that nobody asked for */
    this.waiting = [];
    this.next = 1;
    this.handles = new Map();
    this.sent = this.received = 0;
    this.socket = net.connect(address.port, address.host);
    this.timer = setTimeout(() => this.end(new Error('no link in time')),
                            options.patience ?? PATIENCE_MS);
    this.closed = new Promise((done) => {
      this.socket.on('close', () => {
        this.end(new Error('the relay has gone'));
        done(this.bye ?? null);
      });
    });
    this.socket.on('connect', () => this.flush());
    this.socket.on('error', (error) => this.end(error));
    this.socket.on('data', (data) => this.feed(data));
  }
  flush() {
    const out = this.link.take();
    this.sent += out.length;
    if (out.length > 0 && this.socket.writable) this.socket.write(out);
  }
  feed(data) {
    this.received += data.length;
    try {
      this.link.feed(data);
      this.flush();
      if (this.link.isOpen && this.opened) {
        clearTimeout(this.timer);
        this.opened(this);
        this.opened = null;
      }
      for (const body of this.link.messages.splice(0))
        this.take(decodeFrame(body));
    } catch (error) {
      this.end(error);
    }
  }
  take(frame) {
    const asked = this.questions.get(frame.id);
    if (frame.kind === 'Bye') this.bye = frame.reason;
    if (frame.kind === 'Ping')
      this.say(frame.id, 'Pong', { data: frame.data });
    else if (asked && isMore(frame)) asked.more.push(frame);
    else if (asked) this.answer(asked, frame);
    else {
      this.pushed.push(frame);
      this.waiting.splice(0).forEach((wake) => wake());
    }
  }
  answer(asked, frame) {
    clearTimeout(asked.timer);
    this.questions.delete(frame.id);
    asked.resolve({ ...frame, mail: asked.more });
  }
  end(error) {
    clearTimeout(this.timer);
    this.socket.destroy();
    this.ended = error;
    if (this.opened) this.refused(error);
    this.opened = null;
    for (const asked of this.questions.values()) {
      clearTimeout(asked.timer);
      asked.reject(error);
    }
    this.questions.clear();
    this.waiting.splice(0).forEach((wake) => wake());
  }
  say(id, kind, fields) {
    this.link.send(encodeFrame(id, kind, fields));
    this.flush();
  }
  /* Several questions in as few records as they fit. */
  askAll(questions) {
    const answers = [], frames = [];
    for (const [kind, fields] of questions) {
      const id = this.next++;
      answers.push(new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no answer: ${kind}`)),
                                 PATIENCE_MS);
        this.questions.set(id, { resolve, reject, timer, more: [] });
      }));
      frames.push(encodeFrame(id, kind, fields));
    }
    if (this.ended) this.end(this.ended);
    else this.link.send(...frames);
    this.flush();
    return answers;
  }
  ask(kind, fields = {}) {
    return this.askAll([[kind, fields]])[0];
  }
  /* The next pushed frame; null if none comes in time. */
  async push(timeoutMs) {
    const end = Date.now() + timeoutMs;
    while (this.pushed.length === 0 && !this.ended && Date.now() < end)
      await new Promise((wake) => {
        const timer = setTimeout(wake, end - Date.now());
        this.waiting.push(() => {
          clearTimeout(timer);
          wake();
        });
      });
    return this.pushed.shift() ?? null;
  }
  rollover() {
    this.link.rollover();
    this.flush();
  }
  /* An orderly end. */
  async leave(reason = 1) {
    if (!this.ended) {
      this.say(0, 'Bye', { reason });
      this.socket.end();
    }
    return this.closed;
  }
}

/* --- queues ----------------------------------------------------------------- */

const signed = (relay, seed, kind, ...parts) =>
  sign(seed, utf8('postern/queue/1'), u8(0), relay.link.binding, u8(kind),
       ...parts);

/* A queue of one's own: { seed, capability, recvId, sendId }, open as
 * `relay.handles` says. Throws QueueDone's status. */
export async function createQueue(relay, { seed = random(32), ttlDays = 21,
    capability = random(32), window = 0, secret = empty } = {}) {
  const key = signPublic(seed), hash = hash256(capability);
  const got = await relay.ask('QueueCreate', { queue_key: key,
    deposit_hash: hash, ttl_days: ttlDays, window, access_secret: secret,
    signature: signed(relay, seed, 1, key, hash, u8(ttlDays)) });
  if (got.kind !== 'QueueCreated')
    throw Object.assign(new Error(`${got.kind} ${got.status}`), { got });
  relay.handles.set(hex(got.recv_id), got.handle);
  return { seed, capability, recvId: got.recv_id, sendId: got.send_id,
           granted: got };
}

/* What QueueOpened says of each. */
export async function openQueues(relay, queues, window = 0) {
  const got = await relay.ask('QueueOpen', { window, proofs: cat(
    ...queues.flatMap((q) => [q.recvId,
                              signed(relay, q.seed, 2, q.recvId)])) });
  if (got.kind !== 'QueueOpened') throw new Error(got.kind);
  got.queues.forEach((q, i) => {
    if (q.known) relay.handles.set(hex(queues[i].recvId), q.handle);
  });
  return got.queues;
}

const handleOf = (relay, queue) => relay.handles.get(hex(queue.recvId));

export const fetchMail = (relay, queue, max = 32) =>
  relay.ask('Fetch', { handle: handleOf(relay, queue), max });
export const ackMail = (relay, queue, ids, refusedSeen = false) =>
  relay.ask('Ack', { handle: handleOf(relay, queue), message_ids: cat(...ids),
                     refused_seen: refusedSeen });
export const rotateQueue = (relay, queue, capability) =>
  relay.ask('QueueRotate', { handle: handleOf(relay, queue),
                             deposit_hash: hash256(capability) });
export const onQueue = (relay, kind, queue) =>
  relay.ask(kind, { handle: handleOf(relay, queue) });
export const deposit = (relay, to, messageId, envelope,
                        { priority = 2, ttlDays = 0 } = {}) =>
  relay.ask('Deposit', { send_id: to.sendId, capability: to.capability,
    message_id: messageId, priority, ttl_days: ttlDays, envelope });
