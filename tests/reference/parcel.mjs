/* Parcels, their answers and relay descriptors a second time, written from
 * PROTOCOL.md section 4 alone, on the @noble libraries; and the vectors made
 * with it.
 *
 *     node parcel.mjs DIRECTORY            write DIRECTORY/parcel.json
 *     node parcel.mjs --check DIRECTORY    compare with what is there
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
    ...(await import('@noble/hashes/sha3')),
    ...(await import('@noble/hashes/blake2b')),
    ...(await import('@noble/hashes/hkdf')),
    ...(await import('@noble/post-quantum/ml-kem')),
  };
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  console.error('skipped: run npm ci in tests/reference first');
  process.exit(77);
}
const { chacha20poly1305, x25519, ed25519, sha256, sha3_256, shake256, blake2b,
  ml_kem768 } = libs;

/* --- bytes ---------------------------------------------------------------- */

const utf8 = (text) => new TextEncoder().encode(text);
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const unhex = (text) => Uint8Array.from(Buffer.from(text, 'hex'));
const cat = (...parts) => Uint8Array.from(Buffer.concat(parts));
const zeros = (len) => new Uint8Array(len);
const be = (n, len) => {
  const out = new Uint8Array(len);
  for (let i = len, v = BigInt(n); i-- > 0; v >>= 8n) out[i] = Number(v & 255n);
  return out;
};
const u8 = (n) => be(n, 1);
const u32 = (n) => be(n, 4);
const u64 = (n) => be(n, 8);
const pad = (len, ...parts) => {
  const all = cat(...parts);
  if (all.length > len) throw new Error('too long');
  return cat(all, zeros(len - all.length));
};
const H = (label, ...parts) => blake2b(cat(utf8(label), ...parts),
                                       { dkLen: 32 });

/* Randomness that anyone can make again. */
class Tape {
  constructor(label) {
    this.label = label;
    this.count = 0;
  }
  draw(len) {
    let out = zeros(0);
    while (out.length < len)
      out = cat(out, sha256(utf8(
        `postern parcel vectors/${this.label}/${this.count++}`)));
    return out.slice(0, len);
  }
}

/* --- X-Wing (draft-connolly-cfrg-xwing-kem) ------------------------------- */

function xwingKey(sk) {
  const seeds = shake256(sk, { dkLen: 96 });
  const kem = ml_kem768.keygen(seeds.slice(0, 64));
  const pkX = x25519.getPublicKey(seeds.slice(64));
  return { pk: cat(kem.publicKey, pkX) };
}

function xwingEnc(pk, seed) {
  const pkX = pk.slice(1184), ephemeral = seed.slice(32);
  const { cipherText, sharedSecret } =
    ml_kem768.encapsulate(pk.slice(0, 1184), seed.slice(0, 32));
  const ctX = x25519.getPublicKey(ephemeral);
  const ss = sha3_256(cat(sharedSecret, x25519.getSharedSecret(ephemeral, pkX),
                          ctX, pkX, utf8('\\.//^\\')));
  return { enc: cat(cipherText, ctX), ss };
}

/* --- HPKE (RFC 9180), base mode ------------------------------------------- */

const suite = cat(utf8('HPKE'), be(0x647a, 2), be(1, 2), be(3, 2));
const extract = (salt, label, ikm) => libs.extract(sha256,
  cat(utf8('HPKE-v1'), suite, utf8(label), ikm), salt);
const expand = (prk, label, info, len) => libs.expand(sha256, prk,
  cat(be(len, 2), utf8('HPKE-v1'), suite, utf8(label), info), len);

function setupBaseS(pk, info, seed) {
  const { enc, ss } = xwingEnc(pk, seed);
  const context = cat(u8(0), extract(zeros(0), 'psk_id_hash', zeros(0)),
                      extract(zeros(0), 'info_hash', info));
  const secret = extract(ss, 'secret', zeros(0));
  const key = expand(secret, 'key', context, 32);
  const nonce = expand(secret, 'base_nonce', context, 12);
  const exporter = expand(secret, 'exp', context, 32);
  return {
    enc,
    seal: (aad, plain) => chacha20poly1305(key, nonce, aad).encrypt(plain),
    exportKey: (label, len) => expand(exporter, 'sec', utf8(label), len),
  };
}

/* --- sections 4.3 and 4.4 ------------------------------------------------- */

const sizes = [896, 3968, 16256, 65088];
const DEPOSIT = 2, FETCH = 4, ACK = 7, CREATE = 32, ROTATE = 36, SUSPEND = 37,
  RESUME = 38, DELETE = 39;
/* Any bytes of that length. */
const pattern = (len) => Uint8Array.from({ length: len },
                                         (_, i) => i * 7 + len & 255);
const onionId = (pk) => H('postern/onion-key/1', pk).slice(0, 4);

function fieldsOf(c) {
  switch (c.command) {
  case DEPOSIT:
    return cat(unhex(c.send_id), unhex(c.capability), unhex(c.message_id),
               u8(c.priority), u8(c.ttl_days));
  case FETCH:
    return cat(unhex(c.recv_id), u8(c.refused_seen),
               u8(c.message_ids.length / 32), u8(c.room), unhex(c.cursor));
  case ACK:
    return cat(unhex(c.recv_id), u8(c.refused_seen),
               u8(c.message_ids.length / 32));
  case CREATE:
    return cat(unhex(c.queue_key), unhex(c.deposit_hash), u8(c.ttl_days),
               u8(c.access_secret.length / 2), unhex(c.access_secret));
  case ROTATE:
    return cat(unhex(c.recv_id), unhex(c.deposit_hash));
  default:
    return unhex(c.recv_id);
  }
}

function sealParcel(to, c, queueSeed, seed) {
  const deposit = c.command === DEPOSIT;
  const body = deposit ? pattern(c.envelope_len)
                       : pad(896, unhex(c.message_ids ?? ''));
  const clas = sizes.indexOf(body.length);
  const front = cat(u8(clas), onionId(to.onion));
  const context = setupBaseS(to.onion, cat(utf8('postern/parcel/1'), to.key),
                             seed);
  const binding = H('postern/parcel-binding/1', to.key, context.enc);
  let header = pad(deposit ? 256 : 192, u8(c.command), fieldsOf(c));
  if (!deposit)
    header = cat(header, ed25519.sign(cat(utf8('postern/queue/1'), u8(0),
      binding, u8(3), header, body), queueSeed));
  return {
    parcel: cat(front, context.enc, context.seal(front, cat(header, body))),
    tag: blake2b(context.enc, { dkLen: 16 }),
    binding,
    secret: context.exportKey('postern/parcel-reply/1', 32),
  };
}

/* --- section 4.6 ---------------------------------------------------------- */

function plainAnswer(c, a) {
  if (c.command === FETCH) {
    const flags = a.refused | (a.more ? 8 : 0) | a.priority << 4 |
                  a.class << 6;
    return pad(40 + sizes[c.room], u8(a.status), u8(flags),
               u32(a.retry_after_ms), pad(16, unhex(a.message_id)),
               pad(18, unhex(a.cursor)), pattern(a.envelope_len));
  }
  const front = cat(u8(a.status), u32(a.retry_after_ms));
  if (a.status === 1 && c.command === CREATE)
    return pad(464, front, unhex(a.recv_id), unhex(a.send_id),
               u32(a.max_count), u32(a.max_bytes), u8(a.ttl_days));
  if (a.status === 1 && c.command === ACK)
    return pad(464, front, u8(a.forgotten));
  return pad(464, front);
}

function sealAnswer(sealed, c, a, nonce) {
  const okm = libs.hkdf(sha256, sealed.secret, cat(sealed.binding, nonce),
                        utf8('postern/parcel-reply/1'), 44);
  const room = c.command === FETCH ? c.room : 0;
  return cat(nonce, chacha20poly1305(okm.slice(0, 32), okm.slice(32),
    cat(u8(c.command), u8(room))).encrypt(plainAnswer(c, a)));
}

/* --- section 4.8 ---------------------------------------------------------- */

function makeDescriptor(d, seed) {
  const l = d.limits;
  const body = cat(u8(1), ed25519.getPublicKey(seed), u64(d.sequence),
    u64(d.from_ms), u64(d.until_ms), u64(d.features), u8(l.largest),
    u8(l.ttl_days), u8(l.forward_days), u8(l.access), u32(l.queue_count),
    u32(l.queue_bytes), unhex(d.operator), u8(utf8(d.label).length),
    utf8(d.label), u8(d.addresses.length),
    ...d.addresses.map((a) => cat(u8(a.carrier), u8(a.text.length),
                                  utf8(a.text))),
    u8(d.onions.length),
    ...d.onions.map((o) => cat(xwingKey(unhex(o.secret)).pk, u64(o.from_ms),
                               u64(o.until_ms))));
  return cat(body, ed25519.sign(cat(utf8('postern/descriptor/1'), body), seed));
}

/* --- the vectors ---------------------------------------------------------- */

/* The bytes, where they are few; always what they hash to. */
const record = (name, bytes) => ({
  ...(bytes.length < 6000 ? { [name]: hex(bytes) } : {}),
  [`${name}_len`]: bytes.length,
  [`${name}_blake2b`]: hex(blake2b(bytes, { dkLen: 32 })),
});

function commands(tape, queueKey) {
  const draw = (len) => hex(tape.draw(len));
  const deposit = (size, priority, ttl) => ({ command: DEPOSIT,
    send_id: draw(32), capability: draw(32), message_id: draw(16), priority,
    ttl_days: ttl, envelope_len: size });
  const fetched = (size, clas) => ({ status: 1, retry_after_ms: 0, refused: 4,
    more: true, priority: 2, class: clas, message_id: draw(16),
    cursor: draw(18), envelope_len: size });
  const bare = (status, retry = 0) => ({ status, retry_after_ms: retry });
  const nothing = { refused: 0, more: false, priority: 0, class: 0,
    message_id: '', cursor: '', envelope_len: 0 };
  const of = (command) => ({ command, recv_id: draw(32) });
  const fetch = (ids, room, cursor) => ({ ...of(FETCH), refused_seen: 1,
    message_ids: draw(16 * ids), room, cursor });
  return [
    [deposit(896, 1, 0), [bare(1), bare(2)]],
    [deposit(3968, 2, 21), [bare(3), bare(6, 60000)]],
    [deposit(16256, 3, 2), [bare(5)]],
    [deposit(65088, 3, 90), [bare(8)]],
    [fetch(0, 0, hex(zeros(18))), [fetched(896, 0),
      { ...bare(10), ...nothing, priority: 3, class: 2, more: true,
        message_id: draw(16) }]],
    [fetch(3, 1, draw(18)), [fetched(896, 0), fetched(3968, 1),
      { ...bare(9), ...nothing, refused: 1, cursor: draw(18) },
      { ...bare(6, 1500), ...nothing }]],
    [fetch(56, 3, draw(18)), [fetched(65088, 3)]],
    [{ ...of(ACK), refused_seen: 0, message_ids: draw(16 * 56) },
      [{ ...bare(1), forgotten: 55 }]],
    [{ command: CREATE, queue_key: hex(queueKey), deposit_hash: draw(32),
       ttl_days: 21, access_secret: draw(64) },
      [{ ...bare(1), recv_id: draw(32), send_id: draw(32), max_count: 128,
         max_bytes: 4194304, ttl_days: 14 }, bare(7)]],
    [{ ...of(ROTATE), deposit_hash: draw(32) }, [bare(1)]],
    [of(SUSPEND), [bare(1)]],
    [of(RESUME), [bare(5)]],
    [of(DELETE), [bare(1)]],
  ];
}

function parcelVectors() {
  const tape = new Tape('parcels');
  const queueSeed = tape.draw(32);
  const queueKey = ed25519.getPublicKey(queueSeed);
  return commands(tape, queueKey).map(([command, answers]) => {
    const secret = tape.draw(32), seed = tape.draw(64);
    const to = { key: ed25519.getPublicKey(tape.draw(32)),
                 onion: xwingKey(secret).pk };
    const sealed = sealParcel(to, command, queueSeed, seed);
    return { relay_key: hex(to.key), onion_secret: hex(secret),
      onion_id: hex(onionId(to.onion)), queue_seed: hex(queueSeed),
      ...command, random: hex(seed), ...record('parcel', sealed.parcel),
      tag: hex(sealed.tag), binding: hex(sealed.binding),
      reply_secret: hex(sealed.secret),
      answers: answers.map((answer) => {
        const nonce = tape.draw(32);
        return { ...answer, nonce: hex(nonce),
          ...record('reply', sealAnswer(sealed, command, answer, nonce)) };
      }) };
  });
}

function descriptorVectors() {
  const tape = new Tape('descriptors');
  const start = 1767225600000, day = 24 * 3600 * 1000;
  const make = (label, addresses, keys, limits) => {
    const seed = tape.draw(32);
    const d = { sequence: keys + 1, from_ms: start,
      until_ms: start + 14 * day, features: 3, limits,
      operator: hex(keys > 0 ? tape.draw(32) : zeros(32)), label, addresses,
      onions: Array.from({ length: keys }, (_, i) => ({
        secret: hex(tape.draw(32)), from_ms: start + 7 * day * (i - 5),
        until_ms: start + 7 * day * (i + 1) })) };
    const bytes = makeDescriptor(d, seed);
    return { seed: hex(seed), ...d, ...record('descriptor', bytes),
      hash: hex(blake2b(bytes, { dkLen: 32 })) };
  };
  const limits = { largest: 3, ttl_days: 90, forward_days: 21, access: 1,
    queue_count: 128, queue_bytes: 4194304 };
  return [
    make('', [], 0, { ...limits, largest: 0, ttl_days: 2, forward_days: 0,
                      access: 3, queue_count: 1, queue_bytes: 1 }),
    make('Caf\u00e9 des libert\u00e9s', [
      { carrier: 1, text: 'relay.example.org:443' },
      { carrier: 2, text: 'relay.example.org:443' },
      { carrier: 3, text: '[2001:db8::7]:443?pt=obfs4&iat-mode=0' }], 1,
      limits),
    make('seven', [{ carrier: 1, text: '192.0.2.7:5223' },
                   { carrier: 200, text: 'x'.repeat(255) }], 7, limits),
  ];
}

const value = {
  about: 'Made by tests/reference/parcel.mjs from PROTOCOL.md section 4; an ' +
    'envelope of n bytes has 7 i + n modulo 256 at i',
  parcels: parcelVectors(),
  descriptors: descriptorVectors(),
};
const check = process.argv[2] === '--check';
const path = join(process.argv[check ? 3 : 2], 'parcel.json');
const text = JSON.stringify(value, null, 1) + '\n';
if (!check) {
  writeFileSync(path, text);
} else if (readFileSync(path, 'utf8') !== text) {
  console.error(`${path} differs`);
  process.exit(1);
}
