/* Vectors of the link, made without a line of Postern's code: Noise with the
 * HFS tokens, and the link of PROTOCOL.md section 1 on top of it, written from
 * those texts on the @noble libraries.
 *
 *     node gen_link_vectors.mjs FILE            write FILE
 *     node gen_link_vectors.mjs --check FILE    compare with FILE
 *
 * Exit status: 0 written or equal, 1 different, 77 libraries are not installed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { be, cat, empty, equal, hex, utf8 } from './peer/bytes.mjs';
import { blake2b, dhPublic, edwardsToMontgomeryPriv, sha256, signPublic }
  from './peer/crypto.mjs';
import { prologueOf, sealRetry, solvePuzzle, wrapHello, writeOffer, writeTerms }
  from './peer/hello.mjs';
import { Handshake } from './peer/noise.mjs';
import { frame, RecordWriter } from './peer/records.mjs';

/* Arbitrary input bytes that anyone can make again. */
const made = (label, len) => {
  let out = empty;
  for (let i = 0; out.length < len; i++)
    out = cat(out, sha256(utf8(`postern link vectors/${label}/${i}`)));
  return out.slice(0, len);
};

/* Both ends at once: each message that one writes the other reads. */
class Pair {
  constructor(pattern, hash, prologue, keys) {
    const common = { pattern, hash, prologue };
    this.initiator = new Handshake({ ...common, initiator: true,
      s: keys.init_static, rs: dhPublic(keys.resp_static),
      fresh: { e: keys.init_ephemeral, kemSeed: keys.init_kem_seed } });
    this.responder = new Handshake({ ...common, initiator: false,
      s: keys.resp_static,
      fresh: { e: keys.resp_ephemeral, m: keys.resp_kem_m } });
  }
  message(index, payload) {
    const ends = [this.initiator, this.responder];
    if (index === 1) ends.reverse();
    const out = ends[0].write(payload);
    if (!equal(ends[1].read(out), payload) || !equal(this.h, ends[0].h))
      throw new Error('two ends differ');
    return out;
  }
  get h() {
    return this.responder.h;
  }
  split() {
    return this.initiator.split();
  }
}

/* --- vectors of the handshakes alone -------------------------------------- */

function noiseVector(pattern, hashName) {
  const relay = pattern[0] === 'I';
  const keys = {
    init_ephemeral: made(`${pattern} e`, 32),
    init_kem_seed: made(`${pattern} e1`, 64),
    resp_static: made(`${pattern} rs`, 32),
    resp_ephemeral: made(`${pattern} re`, 32),
    resp_kem_m: made(`${pattern} m`, 32),
  };
  if (relay) keys.init_static = made(`${pattern} s`, 32);
  const prologue = utf8('there is no alternative');
  const payloads = ['first', 'second', '', 'third', 'fourth', 'fifth'].map(utf8);
  const run = new Pair(pattern, hashName, prologue, keys);
  const out = [run.message(0, payloads[0]), run.message(1, payloads[1])];
  const ciphers = run.split();
  for (let i = 2; i < payloads.length; i++)
    out.push(ciphers[i % 2].encrypt(empty, payloads[i]));
  const all = { protocol_name: run.initiator.name, init_prologue: prologue,
    resp_prologue: prologue, ...keys,
    init_remote_static: dhPublic(keys.resp_static),
    handshake_hash: run.h };
  for (const key of Object.keys(all))
    if (typeof all[key] !== 'string') all[key] = hex(all[key]);
  all.messages = payloads.map((payload, i) => ({
    payload: hex(payload), ciphertext: hex(out[i]) }));
  return all;
}

/* --- the link ------------------------------------------------------------- */

class Link {
  constructor(given) {
    this.given = given;
    this.out = [];
    this.relayKey = signPublic(given.relay_seed);
    this.role = given.role === 'relay' ? 1 : 0;
    this.pattern = given.role === 'relay' ? 'IKhfs' : 'NKhfs';
    this.prologue = prologueOf(this.role, this.relayKey);
  }
  handshake(prologue, fresh) {
    const keys = { ...fresh,
      resp_static: edwardsToMontgomeryPriv(this.given.relay_seed) };
    if (this.given.role === 'relay')
      keys.init_static = edwardsToMontgomeryPriv(this.given.self_seed);
    return new Pair(this.pattern, 'SHA256', prologue, keys);
  }
  say(from, what, wire) {
    this.out.push({ from, what, wire: hex(wire) });
    return wire;
  }
  challenge() {
    const peer = blake2b(this.given.peer_tag, { dkLen: 32 });
    return blake2b(peer, { key: this.given.epoch_secret, dkLen: 32 });
  }
  open() {
    const g = this.given;
    const code = Math.log2(g.record_size);
    const run = this.handshake(this.prologue, g);
    const noise = run.message(0, writeOffer(code, g.offered_features,
                                            this.role ? 720 : 768));
    const hello = (solution) =>
      wrapHello(this.relayKey, this.role, solution, noise);
    const first = this.say('initiator', 'message 1', hello(g.solution));
    if (g.difficulty > 0) {
      const challenge = this.challenge(), { difficulty } = g;
      this.say('responder', 'retry', sealRetry(this.relayKey, first,
        g.retry_nonce, challenge, difficulty));
      this.say('initiator', 'message 1, solved',
        hello(solvePuzzle({ challenge, difficulty }, noise, g.solution)));
    }
    this.say('responder', 'message 2', run.message(1, writeTerms(code,
      g.offered_features & g.granted_features, g.relay_wall_ms,
      g.descriptor_hash)));
    this.h = run.h;
    this.binding = run.h;
    this.begin(run);
  }
  begin(run) {
    const [initiator, responder] = run.split().map((cipher) =>
      new RecordWriter(cipher, this.given.record_size));
    this.writers = { initiator, responder };
  }
  /* The wire records that carry `stream`; an empty stream takes one record. */
  records(from, stream) {
    return this.writers[from].write(stream);
  }
  rollover(fresh) {
    const run = this.handshake(cat(this.prologue, this.h), fresh);
    this.say('initiator', 'rollover 1', this.records('initiator',
      frame(run.message(0, empty), 1)));
    this.say('responder', 'rollover 2', this.records('responder',
      frame(run.message(1, empty), 2)));
    this.say('initiator', 'rollover done', this.records('initiator',
      frame(empty, 3)));
    this.h = run.h;
    this.begin(run);
  }
  result(extra = {}) {
    const given = {};
    for (const [key, value] of Object.entries(this.given))
      given[key] = value instanceof Uint8Array ? hex(value) : value;
    return { given, relay_key: hex(this.relayKey),
      binding: hex(this.binding), wire: this.out, ...extra };
  }
}

const common = (name) => ({
  relay_seed: made(`${name} relay`, 32),
  init_ephemeral: made(`${name} e`, 32),
  init_kem_seed: made(`${name} e1`, 64),
  solution: made(`${name} solution`, 16),
  resp_ephemeral: made(`${name} re`, 32),
  resp_kem_m: made(`${name} m`, 32),
  descriptor_hash: made(`${name} descriptor`, 32),
  relay_wall_ms: 1767225600000,
  offered_features: 3,
  granted_features: 1,
});

/* A client meets a relay under load, and 1030 records go each way: across the
 * first Rekey(). Record i of either side holds one frame with i as u32. */
function clientLink() {
  const link = new Link({ role: 'client', record_size: 1024, difficulty: 10,
    peer_tag: utf8('192.0.2/24'), epoch_secret: made('client epoch', 32),
    retry_nonce: made('client nonce', 24), ...common('client') });
  link.open();
  link.say('initiator', 'record 0, empty', link.records('initiator', empty));
  const streams = { initiator: blake2b.create({ dkLen: 32 }),
    responder: blake2b.create({ dkLen: 32 }) };
  for (let i = 1; i <= 1030; i++)
    for (const from of ['initiator', 'responder']) {
      const wire = link.records(from, frame(be(i, 4)));
      streams[from].update(wire);
      if (i === 1 || i === 1024) link.say(from, `frame ${i}`, wire);
    }
  return link.result({ frames: 1030,
    stream_blake2b: { initiator: hex(streams.initiator.digest()),
      responder: hex(streams.responder.digest()) } });
}

/* Two relays, and a rollover after 24 hours. */
function relayLink() {
  const link = new Link({ role: 'relay', record_size: 4096, difficulty: 0,
    self_seed: made('relay self', 32),
    next_init_ephemeral: made('relay next e', 32),
    next_init_kem_seed: made('relay next e1', 64),
    next_resp_ephemeral: made('relay next re', 32),
    next_resp_kem_m: made('relay next m', 32), ...common('relay') });
  const g = link.given;
  link.open();
  link.say('initiator', 'record 0, empty', link.records('initiator', empty));
  link.say('responder', 'frame', link.records('responder',
    frame(utf8('before'))));
  link.rollover({ init_ephemeral: g.next_init_ephemeral,
    init_kem_seed: g.next_init_kem_seed,
    resp_ephemeral: g.next_resp_ephemeral, resp_kem_m: g.next_resp_kem_m });
  for (const from of ['initiator', 'responder'])
    link.say(from, 'frame', link.records(from, frame(utf8('after'))));
  return link.result();
}

const file = {
  origin: 'tests/reference/gen_link_vectors.mjs, on @noble libraries',
  vectors: [noiseVector('NKhfs', 'SHA256'), noiseVector('IKhfs', 'SHA256'),
    noiseVector('NKhfs', 'BLAKE2b'), noiseVector('IKhfs', 'BLAKE2b')],
  links: [clientLink(), relayLink()],
};
const text = `${JSON.stringify(file, null, 1)}\n`;
const args = process.argv.slice(2);
if (args.length === 2 && args[0] === '--check') {
  if (readFileSync(args[1], 'utf8') !== text) {
    console.error(`${args[1]} is not what this script makes`);
    process.exit(1);
  }
  console.log(`${args[1]}: ${text.length} bytes made again`);
} else if (args.length === 1) {
  writeFileSync(args[0], text);
} else {
  console.error('usage: node gen_link_vectors.mjs [--check] FILE');
  process.exit(1);
}
