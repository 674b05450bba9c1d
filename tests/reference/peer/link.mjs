/* The initiator of a link (PROTOCOL.md section 1), without a socket: bytes of
 * the relay go in by feed(), bytes for it and whole messages come out.
 */
import { cat, empty } from './bytes.mjs';
import { edwardsToMontgomeryPriv, edwardsToMontgomeryPub, random, signPublic }
  from './crypto.mjs';
import { checkRelayKey, HELLO_SIZE, openRetry, prologueOf, readTerms,
  solvePuzzle, wrapHello, writeOffer } from './hello.mjs';
import { Handshake } from './noise.mjs';
import { frame, Framer, MESSAGE, RecordReader, RecordWriter }
  from './records.mjs';

const RETRIES_MAX = 2;
const ROLL_1 = 1, ROLL_2 = 2, ROLL_DONE = 3;
export const ROLLOVER_RECORDS = 2 ** 20;
export const ROLLOVER_MS = 24 * 3600 * 1000;

export class Link {
  /* `seed`, of an Ed25519 key, makes this end a relay: role 1. */
  constructor({ relayKey, code = 12, features = 3, seed = null, fresh = {},
                solution = random(16) }) {
    this.relayKey = checkRelayKey(relayKey);
    this.role = seed ? 1 : 0;
    this.self = seed;
    this.offered = { code, features };
    this.prologue = prologueOf(this.role, relayKey);
    this.noise = this.handshake(this.prologue, fresh);
    this.first = this.noise.write(writeOffer(code, features,
                                             this.role ? 720 : 768));
    this.solution = solution;
    this.retries = 0;
    this.isOpen = false;
    this.input = empty;
    this.output = [];
    this.messages = [];
    this.hello();
  }
  handshake(prologue, fresh) {
    return new Handshake({ pattern: this.role ? 'IKhfs' : 'NKhfs', fresh,
      initiator: true, prologue, rs: edwardsToMontgomeryPub(this.relayKey),
      s: this.self && edwardsToMontgomeryPriv(this.self) });
  }
  get selfKey() {
    return this.self && signPublic(this.self);
  }
  hello() {
    this.sent = wrapHello(this.relayKey, this.role, this.solution, this.first);
    this.output.push(this.sent);
  }
  /* What has to go out, once. */
  take() {
    const out = cat(...this.output);
    this.output = [];
    return out;
  }
  /* Throws on any fault; the link is then over. */
  feed(bytes) {
    this.input = cat(this.input, bytes);
    for (;;) {
      const size = this.isOpen ? this.reader.size : HELLO_SIZE;
      if (this.input.length < size) return;
      const unit = this.input.slice(0, size);
      this.input = this.input.slice(size);
      if (this.isOpen) this.record(unit);
      else this.answer(unit);
    }
  }
  answer(unit) {
    const puzzle = openRetry(this.relayKey, this.sent, unit);
    if (puzzle) {
      if (++this.retries > RETRIES_MAX) throw new Error('a third retry');
      this.solution = solvePuzzle(puzzle, this.first, this.solution);
      this.hello();
      return;
    }
    this.terms = readTerms(this.noise.read(unit), this.offered);
    this.binding = this.noise.h;
    this.framer = new Framer();
    this.begin(Date.now());
    this.isOpen = true;
    this.flush(empty);
  }
  begin(now) {
    const size = 1 << this.terms.code;
    const [send, receive] = this.noise.split();
    this.h = this.noise.h;
    this.writer = new RecordWriter(send, size);
    this.reader = new RecordReader(receive, size);
    this.since = now;
    this.rolling = null;
  }
  flush(stream) {
    this.output.push(this.writer.write(stream));
  }
  record(unit) {
    for (const { kind, body } of this.framer.feed(this.reader.read(unit))) {
      if (kind === MESSAGE) this.messages.push(body);
      else this.control(kind, body);
    }
  }
  send(...messages) {
    this.flush(cat(...messages.map((m) => frame(m))));
  }
  /* Records without anything in them: nobody can tell. */
  sendEmpty(count) {
    for (let i = 0; i < count; i++) this.flush(empty);
  }
  get isRolloverDue() {
    return this.isOpen && !this.rolling &&
      (Math.max(this.writer.count, this.reader.count) >= ROLLOVER_RECORDS ||
       Date.now() - this.since >= ROLLOVER_MS);
  }
  rollover() {
    this.rolling = this.handshake(cat(this.prologue, this.h), {});
    this.flush(frame(this.rolling.write(empty), ROLL_1));
  }
  control(kind, body) {
    if (kind !== ROLL_2 || !this.rolling)
      throw new Error('a control frame out of place');
    if (this.rolling.read(body).length > 0)
      throw new Error('a payload where none belongs');
    this.flush(frame(empty, ROLL_DONE)); /* the last under the old key */
    this.noise = this.rolling;
    this.begin(Date.now());
  }
}
