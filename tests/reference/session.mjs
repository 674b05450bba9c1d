/* End-to-end sessions a second time: envelopes, identities, bundles,
 * handshakes, the ratchet and invitations, written from PROTOCOL.md sections 5
 * to 7 alone, on the @noble libraries; and the vectors made with it.
 *
 *     node session.mjs DIRECTORY            write DIRECTORY/*.json
 *     node session.mjs --check DIRECTORY    compare with what is there
 *
 * Exit status: 0 written or equal, 1 different, 77 libraries are not installed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

let libs;
try {
  libs = {
    ...(await import('@noble/ciphers/chacha')),
    ...(await import('@noble/curves/ed25519')),
    ...(await import('@noble/hashes/sha256')),
    ...(await import('@noble/hashes/sha512')),
    ...(await import('@noble/hashes/blake2b')),
    ...(await import('@noble/hashes/hmac')),
    ...(await import('@noble/hashes/hkdf')),
    ...(await import('@noble/post-quantum/ml-kem')),
  };
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  console.error('skipped: run npm ci in tests/reference first');
  process.exit(77);
}
const { xchacha20poly1305, x25519, ed25519, sha256, sha512, blake2b, hmac,
  ml_kem768 } = libs;

/* --- bytes ---------------------------------------------------------------- */

const utf8 = (text) => new TextEncoder().encode(text);
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const unhex = (text) => Uint8Array.from(Buffer.from(text, 'hex'));
const cat = (...parts) => Uint8Array.from(Buffer.concat(parts));
const be = (n, len) => {
  const out = new Uint8Array(len);
  for (let i = len, v = BigInt(n); i-- > 0; v >>= 8n) out[i] = Number(v & 255n);
  return out;
};
const number = (bytes) => Number(BigInt('0x' + (hex(bytes) || '0')));
const equal = (a, b) => hex(a) === hex(b);
const zeros = (len) => new Uint8Array(len);

/* --- primitives ------------------------------------------------------------ */

const H = (label, ...parts) => blake2b(cat(utf8(label), ...parts),
                                       { dkLen: 32 });
const HKDF = (salt, ikm, info, len) => libs.hkdf(sha256, ikm, salt, info, len);
const DH = (sk, pk) => x25519.getSharedSecret(sk, pk); /* throws on zeros */
const publicOf = (sk) => x25519.getPublicKey(sk);
const Seal = (key, nonce, ad, plain) =>
  xchacha20poly1305(key, nonce, ad).encrypt(plain);
const Open = (key, nonce, ad, sealed) => {
  try {
    return xchacha20poly1305(key, nonce, ad).decrypt(sealed);
  } catch {
    return null;
  }
};
const KeyGen = (seed) => ml_kem768.keygen(seed);
const Encaps = (ek, m) => {
  const { cipherText, sharedSecret } = ml_kem768.encapsulate(ek, m);
  return { ct: cipherText, ss: sharedSecret };
};
const Decaps = (dk, ct) => ml_kem768.decapsulate(ct, dk);

/* Randomness that anyone can make again, and a record of what was drawn. */
class Tape {
  constructor(label) {
    this.label = label;
    this.count = 0;
    this.drawn = zeros(0);
  }
  draw(len) {
    let out = zeros(0);
    while (out.length < len)
      out = cat(out, sha256(utf8(
        `postern session vectors/${this.label}/${this.count++}`)));
    out = out.slice(0, len);
    this.drawn = cat(this.drawn, out);
    return out;
  }
  /* What was drawn since the last call. */
  take() {
    const out = this.drawn;
    this.drawn = zeros(0);
    return hex(out);
  }
}

/* --- section 5 -------------------------------------------------------------- */

const classes = [896, 3968, 16256, 65088];
const XS = 0, S = 1;

function sealEnvelope(key, sendId, least, inner, tape) {
  const nonce = tape.draw(24);
  const size = classes.slice(least).find((c) => inner.length <= c - 42);
  const plain = cat(be(inner.length, 2), inner, zeros(size - 42 - inner.length));
  return cat(nonce, Seal(key, nonce, cat(utf8('postern/envelope/1'), sendId),
                         plain));
}

/* --- section 6.1 ------------------------------------------------------------ */

function makeIdentity(secret) {
  const seed = secret.slice(0, 32), dhSk = secret.slice(32, 64);
  const signPk = ed25519.getPublicKey(seed), dhPk = publicOf(dhSk);
  const binding = ed25519.sign(cat(utf8('postern/identity/1'), signPk, dhPk),
                               seed);
  return { seed, dhSk, signPk, dhPk, public: cat(signPk, dhPk, binding),
           id: H('postern/identity-id/1', signPk, dhPk) };
}

function readIdentity(bytes) {
  const signPk = bytes.slice(0, 32), dhPk = bytes.slice(32, 64);
  if (!ed25519.verify(bytes.slice(64, 128),
                      cat(utf8('postern/identity/1'), signPk, dhPk), signPk))
    throw new Error('identity is not bound');
  return { signPk, dhPk, public: bytes,
           id: H('postern/identity-id/1', signPk, dhPk) };
}

function safetyHalf(who) {
  let h = sha512(cat(utf8('postern/safety-number/1'), who.signPk, who.dhPk));
  for (let i = 0; i < 5199; i++) h = sha512(cat(h, who.signPk, who.dhPk));
  let digits = '';
  for (let i = 0; i < 6; i++)
    digits += String(number(h.slice(5 * i, 5 * i + 5)) % 100000)
      .padStart(5, '0');
  return digits;
}

const safetyNumber = (a, b) => [safetyHalf(a), safetyHalf(b)].sort().join('');

/* --- section 6.2 ------------------------------------------------------------ */

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

function base32(bytes) {
  let bits = '';
  for (const b of bytes) bits += b.toString(2).padStart(8, '0');
  while (bits.length % 5 !== 0) bits += '0';
  return bits.replace(/.{5}/g, (five) => alphabet[parseInt(five, 2)]);
}

const addressBytes = ({ key, text }) => cat(key, be(text.length, 1), utf8(text));
const addressText = ({ key, text }) => `postern://${base32(key)}@${text}`;

function makeBundle(owner, kind, created, expires, queues, name, tape) {
  const signedSk = tape.draw(32), kemSeed = tape.draw(64);
  const oneSk = kind === 2 ? null : tape.draw(32);
  const kem = KeyGen(kemSeed);
  const body = cat(be(1, 1), be(kind, 1), be(created, 8), be(expires, 8),
    owner.public, publicOf(signedSk), kem.publicKey,
    oneSk ? publicOf(oneSk) : zeros(0), be(queues.length, 1),
    ...queues.map((q) => cat(q.sendId, q.capability, q.key,
                             addressBytes(q.relay))),
    be(utf8(name).length, 1), utf8(name));
  const bytes = cat(body, ed25519.sign(cat(utf8('postern/bundle/1'), body),
                                       owner.seed));
  return { bytes, hash: H('postern/bundle-hash/1', bytes), kind, owner,
           signedSk, signedPk: publicOf(signedSk), kemSeed, kem, oneSk,
           onePk: oneSk && publicOf(oneSk) };
}

/* --- section 6.3 ------------------------------------------------------------ */

function finishHandshake(id, bundle, generation, a, b, dh, ss) {
  const T = H('postern/handshake/1', be(1, 1), id, bundle.hash,
              be(generation, 4), a.signPk, a.dhPk, b.signPk, b.dhPk, a.id, b.id);
  const ikm = cat(new Uint8Array(32).fill(255), ...dh, ss);
  const okm = HKDF(zeros(32), ikm, cat(utf8('postern/handshake/1'), T), 96);
  return { id, T, generation, root: okm.slice(0, 32), hkA: okm.slice(32, 64),
           hkB: okm.slice(64, 96) };
}

const identityKey = (id, dh3, ss) =>
  HKDF(id, cat(dh3, ss), utf8('postern/handshake/1 identity'), 32);

function startHandshake(a, bundle, generation, tape) {
  const ek = tape.draw(32), m = tape.draw(32), b = bundle.owner;
  const { ct, ss } = Encaps(bundle.kem.publicKey, m);
  const clear = cat(bundle.hash.slice(0, 16), publicOf(ek), ct);
  const id = H('postern/handshake-id/1', clear);
  const dh = [DH(a.dhSk, bundle.signedPk), DH(ek, b.dhPk),
              DH(ek, bundle.signedPk)];
  if (bundle.onePk) dh.push(DH(ek, bundle.onePk));
  const sealed = Seal(identityKey(id, dh[2], ss), zeros(24), id,
                      cat(be(generation, 4), a.public));
  return { wire: cat(clear, sealed),
           ...finishHandshake(id, bundle, generation, a, b, dh, ss) };
}

function answerHandshake(b, bundle, wire) {
  const clear = wire.slice(0, 16 + 32 + 1088), sealed = wire.slice(1136, 1284);
  const ek = clear.slice(16, 48), ct = clear.slice(48);
  const ss = Decaps(bundle.kem.secretKey, ct);
  const id = H('postern/handshake-id/1', clear);
  const dh3 = DH(bundle.signedSk, ek);
  const plain = Open(identityKey(id, dh3, ss), zeros(24), id, sealed);
  const a = readIdentity(plain.slice(4));
  const dh = [DH(bundle.signedSk, a.dhPk), DH(b.dhSk, ek), dh3];
  if (bundle.oneSk) dh.push(DH(bundle.oneSk, ek));
  return { wire, ...finishHandshake(id, bundle, number(plain.slice(0, 4)), a, b,
                                    dh, ss) };
}

/* --- section 6.4 ------------------------------------------------------------ */

const FIRST = 1, SHORT = 2, FULL = 3;
const headerSize = { 1: 40 + 1184, 2: 40, 3: 40 + 1184 + 1088 };
const day = 24 * 3600 * 1000;

function rootStep(root, dh, sender, receiver, kem) {
  const info = cat(utf8('postern/ratchet/1 step'), sender, receiver,
    kem ? H('postern/ratchet-kem/1', kem.ek, kem.ct) : zeros(0));
  const okm = HKDF(root, cat(dh, kem ? kem.ss : zeros(0)), info, 96);
  return { root: okm.slice(0, 32), ck: okm.slice(32, 64), nhk: okm.slice(64) };
}

class Ratchet {
  constructor(handshake, profile) {
    this.T = handshake.T;
    this.root = handshake.root;
    this.profile = profile;
    this.previous = 0;
    this.sinceKem = 0;
    this.skipped = []; /* { hk, n, mk } */
  }

  static start(handshake, bundle, profile, now, tape) {
    const r = new Ratchet(handshake, profile);
    r.dhSk = tape.draw(32);
    r.kem = KeyGen(tape.draw(64));
    r.kemAt = now;
    const s = rootStep(r.root, DH(r.dhSk, bundle.signedPk), publicOf(r.dhSk),
                       bundle.signedPk, null);
    r.root = s.root;
    r.send = { type: FIRST, hk: handshake.hkA, ck: s.ck, n: 0,
               kemPk: r.kem.publicKey };
    r.sendNext = s.nhk;
    r.receiveNext = handshake.hkB;
    return r;
  }

  static answer(handshake, bundle, profile) {
    const r = new Ratchet(handshake, profile);
    r.dhSk = bundle.signedSk;
    r.receiveNext = handshake.hkA;
    r.sendNext = handshake.hkB;
    return r;
  }

  ad(type) {
    return cat(utf8('postern/ratchet/1'), be(1, 1), be(type, 1), this.T);
  }

  static chainStep(chain) {
    const mk = hmac(sha256, chain.ck, be(1, 1));
    chain.ck = hmac(sha256, chain.ck, be(2, 1));
    chain.n++;
    return mk;
  }

  sendStep(now, tape) {
    this.dhSk = tape.draw(32);
    const own = publicOf(this.dhSk);
    const due = this.profile === 'normal' || now - this.kemAt >= day ||
                this.sinceKem >= 50;
    let kem = null;
    if (this.peerKem && due) {
      kem = { ek: this.peerKem, ...Encaps(this.peerKem, tape.draw(32)) };
      this.kem = KeyGen(tape.draw(64));
      this.peerKem = null;
      this.kemAt = now;
      this.sinceKem = 0;
    }
    const s = rootStep(this.root, DH(this.dhSk, this.peerDh), own, this.peerDh,
                       kem);
    this.root = s.root;
    this.send = { type: kem ? FULL : SHORT, hk: this.sendNext, ck: s.ck, n: 0,
                  kemPk: this.kem && this.kem.publicKey, kemCt: kem && kem.ct };
    this.sendNext = s.nhk;
  }

  seal(content, now, tape) {
    if (!this.send) this.sendStep(now, tape);
    const c = this.send, nonce = tape.draw(24);
    const header = cat(publicOf(this.dhSk), be(this.previous, 4), be(c.n, 4),
      c.type === SHORT ? zeros(0) : c.kemPk,
      c.type === FULL ? c.kemCt : zeros(0));
    const sealedHeader = Seal(c.hk, nonce, this.ad(c.type), header);
    const mk = Ratchet.chainStep(c);
    this.sinceKem++;
    return { type: c.type, bytes: cat(nonce, sealedHeader,
      Seal(mk, nonce, cat(this.ad(c.type), sealedHeader), content)) };
  }

  setAside(upTo) {
    while (this.receive.n < upTo) {
      const n = this.receive.n, hk = this.receive.hk;
      this.skipped.push({ hk, n, mk: Ratchet.chainStep(this.receive) });
    }
  }

  receiveStep(type, h, now) {
    if (this.receive) this.setAside(h.previous);
    const kem = type === FULL && { ek: this.kem.publicKey, ct: h.kemCt,
      ss: Decaps(this.kem.secretKey, h.kemCt) };
    const s = rootStep(this.root, DH(this.dhSk, h.dh), h.dh,
                       publicOf(this.dhSk), kem);
    this.root = s.root;
    this.receive = { hk: this.receiveNext, ck: s.ck, n: 0 };
    this.receiveNext = s.nhk;
    this.peerDh = h.dh;
    if (h.kemPk) {
      this.peerKem = h.kemPk;
      this.kemAt = now;
      this.sinceKem = 0;
    }
    if (kem) this.kem = null;
    this.previous = this.send ? this.send.n : 0;
    this.send = null;
    this.dhSk = null;
  }

  /* The content; throws if no key opens it. */
  open(type, bytes, now) {
    const nonce = bytes.slice(0, 24), at = 24 + headerSize[type] + 16;
    const sealedHeader = bytes.slice(24, at), sealed = bytes.slice(at);
    const header = (hk) => {
      const p = Open(hk, nonce, this.ad(type), sealedHeader);
      return p && { dh: p.slice(0, 32), previous: number(p.slice(32, 36)),
        n: number(p.slice(36, 40)),
        kemPk: type === SHORT ? null : p.slice(40, 1224),
        kemCt: type === FULL ? p.slice(1224) : null };
    };
    const content = (mk) => {
      const p = Open(mk, nonce, cat(this.ad(type), sealedHeader), sealed);
      if (!p) throw new Error('content does not open');
      return p;
    };
    let h = this.receive && header(this.receive.hk);
    const isNew = !h && (h = header(this.receiveNext));
    if (isNew || (h && h.n >= this.receive.n)) {
      if (isNew) this.receiveStep(type, h, now);
      this.setAside(h.n);
      this.sinceKem++;
      return content(Ratchet.chainStep(this.receive));
    }
    for (const [i, k] of this.skipped.entries()) {
      h = header(k.hk);
      if (!h || h.n !== k.n) continue;
      const out = content(k.mk);
      this.skipped.splice(i, 1);
      return out;
    }
    throw new Error('no key');
  }
}

/* One person's end: suite, type, and the handshake while unanswered. */
class Person {
  constructor(label, profile) {
    this.tape = new Tape(label);
    this.secret = this.tape.draw(64);
    this.identity = makeIdentity(this.secret);
    this.profile = profile;
    this.tape.take();
  }
  start(bundle, now) {
    this.handshake = startHandshake(this.identity, bundle, 1, this.tape);
    this.ratchet = Ratchet.start(this.handshake, bundle, this.profile, now,
                                 this.tape);
  }
  seal(content, now) {
    const m = this.ratchet.seal(content, now, this.tape);
    return cat(be(1, 1), be(m.type, 1),
               m.type === FIRST ? this.handshake.wire : zeros(0), m.bytes);
  }
  open(message, bundle, now) {
    const type = message[1];
    if (type === FIRST && !this.ratchet) {
      this.handshake = answerHandshake(this.identity, bundle,
                                       message.slice(2, 2 + 1284));
      this.ratchet = Ratchet.answer(this.handshake, bundle, this.profile);
    }
    return this.ratchet.open(type, message.slice(type === FIRST ? 2 + 1284 : 2),
                             now);
  }
}

/* --- section 7 -------------------------------------------------------------- */

function invitationText(form, body) {
  const bytes = cat(be(form, 1), body);
  const sum = H('postern/invitation-sum/1', bytes).slice(0, 2);
  return 'POSTERN:' + base32(cat(bytes, sum)).toUpperCase();
}

const linkText = (hours, key, hash, relays, ids) => invitationText(1,
  cat(be(hours, 4), key, hash.slice(0, 24), be(relays.length, 1),
      ...relays.map((relay, i) => cat(ids[i], addressBytes(relay)))));

/* --- the vectors ------------------------------------------------------------ */

const epoch = 1767225600000; /* 2026-01-01T00:00Z */
const about = 'made by tests/reference/session.mjs from PROTOCOL.md';

function makeRelays() {
  const t = new Tape('relays');
  return ['relay.example.org:7000', '192.0.2.7:443', '[2001:db8::1]:7000']
    .map((text) => ({ key: ed25519.getPublicKey(t.draw(32)), text }));
}

function makeQueues(relays, count) {
  const t = new Tape(`queues ${count}`);
  return relays.slice(0, count).map((relay) => ({ relay, sendId: t.draw(32),
    capability: t.draw(32), key: t.draw(32) }));
}

function envelopeVectors() {
  const t = new Tape('envelope');
  const cases = [[1, XS], [854, XS], [855, XS], [1, S], [3926, S], [3927, S],
                 [16215, XS], [65046, XS]];
  return cases.map(([len, least]) => {
    const key = t.draw(32), sendId = t.draw(32);
    const inner = new Uint8Array(len).map((_, i) => (i * 7 + len) & 255);
    t.take();
    const envelope = sealEnvelope(key, sendId, least, inner, t);
    /* The large ones by their hash; inner byte i is 7 i + len. */
    return { least, key: hex(key), send_id: hex(sendId), inner_len: len,
             random: t.take(), size: envelope.length,
             ...(envelope.length < 4096 ? { envelope: hex(envelope) } : {}),
             blake2b: hex(H('', envelope)) };
  });
}

function identityVectors() {
  const people = ['Alice', 'Bob', 'Carol'].map((n) => new Person(n, 'normal'));
  return {
    identities: people.map(({ secret, identity }) => ({ secret: hex(secret),
      public: hex(identity.public), id: hex(identity.id) })),
    safety: [[0, 1], [1, 0], [1, 2], [0, 0]].map(([a, b]) => ({ a, b,
      digits: safetyNumber(people[a].identity, people[b].identity) })),
  };
}

function bundleVectors(relays) {
  return [1, 2, 3].map((kind) => {
    const p = new Person(`bundle ${kind}`, 'normal');
    const queues = makeQueues(relays, kind), name = ['Béa', '', 'Bob'][kind - 1];
    const b = makeBundle(p.identity, kind, epoch, epoch + 30 * day, queues,
                         name, p.tape);
    return { kind, owner: hex(p.secret), created_ms: epoch,
      expires_ms: epoch + 30 * day, name,
      queues: queues.map((q) => ({ send_id: hex(q.sendId),
        capability: hex(q.capability), key: hex(q.key),
        relay: addressText(q.relay) })),
      random: p.tape.take(), bundle: hex(b.bytes), hash: hex(b.hash) };
  });
}

function invitationVectors(relays) {
  const p = new Person('inviter', 'normal');
  return [1, 2, 3].map((count) => {
    const key = p.tape.draw(32);
    const b = makeBundle(p.identity, 1, epoch, epoch + 30 * day,
                         makeQueues(relays, count), 'Bob', p.tape);
    const random = p.tape.take();
    const hours = Math.floor((epoch + 30 * day) / 3600000);
    const ids = relays.map((_, i) => new Uint8Array(32).fill(0xa0 + i));
    const id = H('postern/link-id/1', key);
    const blob = sealEnvelope(H('postern/link-blob/1', key), id, S, b.bytes,
                              p.tape);
    return { owner: hex(p.secret), count, random, bundle: hex(b.bytes),
      link_key: hex(key), link_id: hex(id), expires_hour: hours,
      relays: relays.slice(0, count).map(addressText),
      queue_ids: ids.slice(0, count).map(hex),
      link: linkText(hours, key, b.hash, relays.slice(0, count), ids),
      offline: invitationText(2, b.bytes), blob_random: p.tape.take(),
      blob: hex(blob) };
  });
}

function handshakeVectors() {
  return [[1, 1], [2, 7]].map(([kind, generation]) => {
    const a = new Person(`starter ${kind}`, 'normal');
    const b = new Person(`answerer ${kind}`, 'normal');
    const bundle = makeBundle(b.identity, kind, epoch, epoch + 30 * day, [], '',
                              b.tape);
    const h = startHandshake(a.identity, bundle, generation, a.tape);
    const again = answerHandshake(b.identity, bundle, h.wire);
    for (const part of ['T', 'root', 'hkA', 'hkB'])
      if (!equal(h[part], again[part])) throw new Error('two ends differ');
    return { kind, generation, starter: hex(a.secret), answerer: hex(b.secret),
      created_ms: epoch, expires_ms: epoch + 30 * day,
      bundle_random: b.tape.take(), random: a.tape.take(), wire: hex(h.wire),
      id: hex(h.id), transcript: hex(h.T), root: hex(h.root),
      header_a: hex(h.hkA), header_b: hex(h.hkB) };
  });
}

/* A script: "a" and "b" seal a message, a number opens the message of that
 * number at the other end, "+25" lets 25 hours pass. */
function conversation(profile, script) {
  const people = { a: new Person(`${profile} a`, profile),
                   b: new Person(`${profile} b`, profile) };
  const bundle = makeBundle(people.b.identity, 1, epoch, epoch + 30 * day, [],
                            '', people.b.tape);
  const bundleRandom = people.b.tape.take();
  const sent = [], steps = [];
  let now = epoch;
  people.a.start(bundle, now);
  steps.push({ op: 'start', who: 'a', now_ms: now,
               random: people.a.tape.take() });
  for (const word of script.split(' ')) {
    if (word[0] === '+') {
      now += Number(word.slice(1)) * 3600000;
    } else if (word === 'a' || word === 'b') {
      const content = utf8(`message ${sent.length} of ${word}`);
      const message = people[word].seal(content, now);
      sent.push({ to: word === 'a' ? 'b' : 'a', message, content });
      steps.push({ op: 'seal', who: word, now_ms: now, content: hex(content),
        random: people[word].tape.take(), message: hex(message) });
    } else {
      const s = sent[Number(word)];
      const got = people[s.to].open(s.message, bundle, now);
      if (!equal(got, s.content)) throw new Error('other content');
      steps.push({ op: 'open', who: s.to, now_ms: now,
        message_number: Number(word) });
    }
  }
  return { profile, starter: hex(people.a.secret), inviter: hex(people.b.secret),
    created_ms: epoch, expires_ms: epoch + 30 * day,
    bundle_random: bundleRandom, steps };
}

function thinScript() {
  /* Short steps, then one with a KEM after a day, then one after fifty. */
  let script = 'a 0 b 1 a 2 b 3 +25 a 4 b 5 a 6', n = 7;
  for (let i = 0; i < 30; i++) {
    script += ` b ${n} a ${n + 1}`;
    n += 2;
  }
  return script;
}

const relays = makeRelays();
const files = {
  'envelope.json': { about, envelopes: envelopeVectors() },
  'identity.json': { about, ...identityVectors() },
  'bundle.json': { about, bundles: bundleVectors(relays) },
  'invitation.json': { about, invitations: invitationVectors(relays) },
  'handshake.json': { about, handshakes: handshakeVectors() },
  'ratchet.json': { about, conversations: [
    /* In turn; several first messages; lost, late and reordered ones; late
     * ones of a chain two steps old. */
    conversation('normal',
      'a a a 1 b b 4 a a a a 8 6 b 9 a 10 b b b 13 0 2 3 5 a 14 7 11 12'),
    conversation('thin', thinScript()),
  ] },
};

const check = process.argv[2] === '--check';
const directory = process.argv[check ? 3 : 2];
let same = true;
for (const [name, value] of Object.entries(files)) {
  const text = JSON.stringify(value, null, 1) + '\n';
  const path = join(directory, name);
  if (!check) writeFileSync(path, text);
  else if (readFileSync(path, 'utf8') !== text) {
    console.error(`${path} differs`);
    same = false;
  }
}
process.exit(same ? 0 : 1);
