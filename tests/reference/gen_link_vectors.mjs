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

let libs;
try {
  libs = {
    ...(await import('@noble/ciphers/chacha')),
    ...(await import('@noble/curves/ed25519')),
    ...(await import('@noble/hashes/sha256')),
    ...(await import('@noble/hashes/blake2b')),
    ...(await import('@noble/hashes/hmac')),
    ...(await import('@noble/post-quantum/ml-kem')),
  };
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  console.error('skipped: run npm ci in tests/reference first');
  process.exit(77);
}
const { chacha20poly1305, xchacha20poly1305, x25519, ed25519, sha256, blake2b,
  hmac, ml_kem768, edwardsToMontgomeryPub, edwardsToMontgomeryPriv } = libs;

/* --- bytes ---------------------------------------------------------------- */

const utf8 = (text) => new TextEncoder().encode(text);
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const empty = new Uint8Array(0);
const cat = (...parts) => Uint8Array.from(parts.flatMap((p) => [...p]));
const be = (n, len) => {
  const out = new Uint8Array(len);
  for (let i = len, v = BigInt(n); i-- > 0; v >>= 8n) out[i] = Number(v & 255n);
  return out;
};
const padded = (bytes, len) => {
  if (bytes.length > len) throw new Error('does not fit');
  return cat(bytes, new Uint8Array(len - bytes.length));
};
/* Arbitrary input bytes that anyone can make again. */
const made = (label, len) => {
  let out = empty;
  for (let i = 0; out.length < len; i++)
    out = cat(out, sha256(utf8(`postern link vectors/${label}/${i}`)));
  return out.slice(0, len);
};

/* --- Noise, revision 34 --------------------------------------------------- */

const hashes = {
  SHA256: { len: 32, hash: sha256, hmac: (k, d) => hmac(sha256, k, d) },
  BLAKE2b: { len: 64, hash: (d) => blake2b(d),
             hmac: (k, d) => hmac(blake2b, k, d) },
};

class CipherState {
  constructor(key) {
    this.key = key;
    this.n = 0n;
  }
  nonce(n) {
    return cat(new Uint8Array(4), be(n, 8).reverse());
  }
  encrypt(ad, plain) {
    return chacha20poly1305(this.key, this.nonce(this.n++), ad).encrypt(plain);
  }
  rekey() {
    const sealed = chacha20poly1305(this.key, this.nonce(2n ** 64n - 1n), empty)
      .encrypt(new Uint8Array(32));
    this.key = sealed.slice(0, 32);
  }
}

class SymmetricState {
  constructor(hashName, protocolName) {
    this.f = hashes[hashName];
    const name = utf8(protocolName);
    this.h = name.length <= this.f.len ? padded(name, this.f.len)
                                       : this.f.hash(name);
    this.ck = this.h;
    this.cipher = null;
  }
  hkdf(ikm) {
    const temp = this.f.hmac(this.ck, ikm);
    const one = this.f.hmac(temp, Uint8Array.of(1));
    return [one, this.f.hmac(temp, cat(one, Uint8Array.of(2)))];
  }
  mixKey(ikm) {
    const [ck, key] = this.hkdf(ikm);
    this.ck = ck;
    this.cipher = new CipherState(key.slice(0, 32));
  }
  mixHash(data) {
    this.h = this.f.hash(cat(this.h, data));
  }
  encryptAndHash(plain) {
    const out = this.cipher ? this.cipher.encrypt(this.h, plain) : plain;
    this.mixHash(out);
    return out;
  }
  split() {
    return this.hkdf(empty).map((key) => new CipherState(key.slice(0, 32)));
  }
}

const patterns = {
  NKhfs: [['e', 'es', 'e1'], ['e', 'ee', 'ekem1']],
  IKhfs: [['e', 'es', 'e1', 's', 'ss'], ['e', 'ee', 'ekem1', 'se']],
};

/* Both sides at once: `keys` holds secrets of both, so every DH is known and
 * the transcript follows from the tokens alone. */
class Handshake {
  constructor(pattern, hashName, prologue, keys) {
    this.pattern = patterns[pattern];
    this.keys = keys;
    this.name = `Noise_${pattern}_25519+MLKEM768_ChaChaPoly_${hashName}`;
    this.s = new SymmetricState(hashName, this.name);
    this.s.mixHash(prologue);
    this.s.mixHash(x25519.getPublicKey(keys.resp_static)); /* <- s */
    this.kem = ml_kem768.keygen(keys.init_kem_seed);
  }
  dh(a, b) {
    this.s.mixKey(x25519.getSharedSecret(a, x25519.getPublicKey(b)));
  }
  message(index, payload) {
    const k = this.keys;
    const own = index % 2 === 0 ? 'init' : 'resp';
    let out = empty;
    for (const token of this.pattern[index]) {
      if (token === 'e') {
        const pk = x25519.getPublicKey(k[`${own}_ephemeral`]);
        this.s.mixHash(pk);
        out = cat(out, pk);
      } else if (token === 's') {
        const pk = x25519.getPublicKey(k[`${own}_static`]);
        out = cat(out, this.s.encryptAndHash(pk));
      } else if (token === 'e1') {
        out = cat(out, this.s.encryptAndHash(this.kem.publicKey));
      } else if (token === 'ekem1') {
        const { cipherText, sharedSecret } =
          ml_kem768.encapsulate(this.kem.publicKey, k.resp_kem_m);
        out = cat(out, this.s.encryptAndHash(cipherText));
        this.s.mixKey(sharedSecret);
      } else {
        const of = { e: 'ephemeral', s: 'static' };
        this.dh(k[`init_${of[token[0]]}`], k[`resp_${of[token[1]]}`]);
      }
    }
    return cat(out, this.s.encryptAndHash(payload));
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
  const run = new Handshake(pattern, hashName, prologue, keys);
  const out = [run.message(0, payloads[0]), run.message(1, payloads[1])];
  const ciphers = run.s.split();
  for (let i = 2; i < payloads.length; i++)
    out.push(ciphers[i % 2].encrypt(empty, payloads[i]));
  const all = { protocol_name: run.name, init_prologue: prologue,
    resp_prologue: prologue, ...keys,
    init_remote_static: x25519.getPublicKey(keys.resp_static),
    handshake_hash: run.s.h };
  for (const key of Object.keys(all))
    if (typeof all[key] !== 'string') all[key] = hex(all[key]);
  all.messages = payloads.map((payload, i) => ({
    payload: hex(payload), ciphertext: hex(out[i]) }));
  return all;
}

/* --- the link ------------------------------------------------------------- */

const label = (text) => cat(utf8(text), Uint8Array.of(0));

class Link {
  constructor(given) {
    this.given = given;
    this.out = [];
    this.relayKey = ed25519.getPublicKey(given.relay_seed);
    this.role = Uint8Array.of(given.role === 'relay' ? 1 : 0);
    this.pattern = given.role === 'relay' ? 'IKhfs' : 'NKhfs';
    this.prologue = cat(label('postern-link/1'), this.role, this.relayKey);
  }
  key(text, tail = empty) {
    return blake2b(cat(label(text), tail), { key: this.relayKey, dkLen: 32 });
  }
  handshake(prologue, fresh) {
    const keys = { ...fresh,
      resp_static: edwardsToMontgomeryPriv(this.given.relay_seed) };
    if (this.given.role === 'relay')
      keys.init_static = edwardsToMontgomeryPriv(this.given.self_seed);
    return new Handshake(this.pattern, 'SHA256', prologue, keys);
  }
  say(from, what, wire) {
    this.out.push({ from, what, wire: hex(wire) });
    return wire;
  }
  hello(noise, solution) {
    const mac1 = blake2b(cat(solution, noise), { dkLen: 16,
      key: this.key('postern-link/1/mac1', this.role) });
    return cat(mac1, solution, noise);
  }
  challenge() {
    const peer = blake2b(this.given.peer_tag, { dkLen: 32 });
    return blake2b(peer, { key: this.given.epoch_secret, dkLen: 32 });
  }
  retry(hello, difficulty) {
    const inner = padded(cat(this.challenge(), Uint8Array.of(difficulty)), 2008);
    const sealed = xchacha20poly1305(this.key('postern-link/1/retry'),
      this.given.retry_nonce, hello.slice(0, 16)).encrypt(inner);
    return cat(this.given.retry_nonce, sealed);
  }
  solve(noise, difficulty) {
    const digest = blake2b(noise, { dkLen: 32 });
    const head = this.given.solution.slice(0, 8);
    let counter = BigInt(`0x${hex(this.given.solution.slice(8))}`);
    for (;; counter = (counter + 1n) & (2n ** 64n - 1n)) {
      const solution = cat(head, be(counter, 8));
      const output = blake2b(cat(this.challenge(), digest, solution),
        { dkLen: 32 });
      const bits = BigInt(`0x${hex(output)}`);
      if (bits >> BigInt(256 - difficulty) === 0n) return solution;
    }
  }
  open() {
    const g = this.given;
    const code = Math.log2(g.record_size);
    const run = this.handshake(this.prologue, g);
    const offer = cat(be(11, 2), Uint8Array.of(1, 1, code),
      be(g.offered_features, 8));
    const noise = run.message(0, padded(offer, g.role === 'relay' ? 720 : 768));
    let hello = this.say('initiator', 'message 1',
      this.hello(noise, g.solution));
    if (g.difficulty > 0) {
      this.say('responder', 'retry', this.retry(hello, g.difficulty));
      hello = this.say('initiator', 'message 1, solved',
        this.hello(noise, this.solve(noise, g.difficulty)));
    }
    const terms = cat(be(50, 2), Uint8Array.of(1, code),
      be(BigInt(g.offered_features) & BigInt(g.granted_features), 8),
      be(g.relay_wall_ms, 8), g.descriptor_hash);
    this.say('responder', 'message 2', run.message(1, padded(terms, 896)));
    this.h = run.s.h;
    this.binding = run.s.h;
    [this.send, this.recv] = run.s.split();
    this.count = { initiator: 0, responder: 0 };
  }
  /* The wire records that carry `stream`; an empty stream takes one record. */
  records(from, stream) {
    const cipher = from === 'initiator' ? this.send : this.recv;
    const size = this.given.record_size;
    let out = empty;
    do {
      const data = stream.slice(0, size - 18);
      stream = stream.slice(data.length);
      const plain = padded(cat(be(data.length, 2), data), size - 16);
      out = cat(out, cipher.encrypt(empty, plain));
      if (++this.count[from] % 1024 === 0) cipher.rekey();
    } while (stream.length > 0);
    return out;
  }
  frame(body, kind = 0) {
    return cat(Uint8Array.of(kind), be(body.length, 3), body);
  }
  rollover(fresh) {
    const run = this.handshake(cat(this.prologue, this.h), fresh);
    this.say('initiator', 'rollover 1', this.records('initiator',
      this.frame(run.message(0, empty), 1)));
    this.say('responder', 'rollover 2', this.records('responder',
      this.frame(run.message(1, empty), 2)));
    this.say('initiator', 'rollover done', this.records('initiator',
      this.frame(empty, 3)));
    this.h = run.s.h;
    [this.send, this.recv] = run.s.split();
    this.count = { initiator: 0, responder: 0 };
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
      const wire = link.records(from, link.frame(be(i, 4)));
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
    link.frame(utf8('before'))));
  link.rollover({ init_ephemeral: g.next_init_ephemeral,
    init_kem_seed: g.next_init_kem_seed,
    resp_ephemeral: g.next_resp_ephemeral, resp_kem_m: g.next_resp_kem_m });
  for (const from of ['initiator', 'responder'])
    link.say(from, 'frame', link.records(from, link.frame(utf8('after'))));
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
