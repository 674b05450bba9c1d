/* Vectors of parcels, their answers and relay descriptors, made with peer/,
 * which is written from PROTOCOL.md section 4 alone.
 *
 *     node parcel.mjs DIRECTORY            write DIRECTORY/parcel.json
 *     node parcel.mjs --check DIRECTORY    compare with what is there
 *
 * Exit status: 0 written or equal, 1 different, 77 libraries are not installed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { equal, hex, unhex, zeros } from './peer/bytes.mjs';
import { hash256, signPublic, Tape } from './peer/crypto.mjs';
import { descriptorHash, makeDescriptor, readDescriptor }
  from './peer/descriptor.mjs';
import { ACK, CREATE, DELETE, DEPOSIT, FETCH, onionId, openAnswer, RESUME,
  ROTATE, sealAnswer, sealParcel, SUSPEND } from './peer/parcel.mjs';
import { xwingKeys } from './peer/xwing.mjs';

const tapeOf = (label) => new Tape(`postern parcel vectors/${label}`);
/* Any bytes of that length. */
const pattern = (len) => Uint8Array.from({ length: len },
                                         (_, i) => i * 7 + len & 255);

/* A command and an answer as the file has them, for peer/. */
const sixteens = (text) => (text.match(/.{32}/g) ?? []).map(unhex);
const commandOf = (c) => ({ command: c.command, sendId: unhex(c.send_id ?? ''),
  capability: unhex(c.capability ?? ''), messageId: unhex(c.message_id ?? ''),
  priority: c.priority, ttlDays: c.ttl_days, recvId: unhex(c.recv_id ?? ''),
  refusedSeen: c.refused_seen, room: c.room, cursor: unhex(c.cursor ?? ''),
  ids: sixteens(c.message_ids ?? ''), queueKey: unhex(c.queue_key ?? ''),
  depositHash: unhex(c.deposit_hash ?? ''),
  accessSecret: unhex(c.access_secret ?? ''),
  envelope: pattern(c.envelope_len ?? 0) });
const answerOf = (a) => ({ status: a.status, retryAfterMs: a.retry_after_ms,
  refused: a.refused, more: a.more, priority: a.priority, class: a.class,
  messageId: unhex(a.message_id ?? ''), cursor: unhex(a.cursor ?? ''),
  envelope: pattern(a.envelope_len ?? 0), recvId: unhex(a.recv_id ?? ''),
  sendId: unhex(a.send_id ?? ''), maxCount: a.max_count,
  maxBytes: a.max_bytes, ttlDays: a.ttl_days, forgotten: a.forgotten });

/* Sealed, and opened again. */
function answered(sealed, command, answer, nonce) {
  const reply = sealAnswer(sealed, command, answer, nonce);
  const again = openAnswer(sealed, command, reply);
  if (again.status !== answer.status ||
      !equal(again.envelope ?? answer.envelope, answer.envelope))
    throw new Error('two ends differ');
  return reply;
}

/* --- the vectors ---------------------------------------------------------- */

/* The bytes, where they are few; always what they hash to. */
const record = (name, bytes) => ({
  ...(bytes.length < 6000 ? { [name]: hex(bytes) } : {}),
  [`${name}_len`]: bytes.length,
  [`${name}_blake2b`]: hex(hash256(bytes)),
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
  const tape = tapeOf('parcels');
  const queueSeed = tape.draw(32);
  const queueKey = signPublic(queueSeed);
  return commands(tape, queueKey).map(([command, answers]) => {
    const secret = tape.draw(32), seed = tape.draw(64);
    const to = { key: signPublic(tape.draw(32)),
                 onion: xwingKeys(secret).pk };
    const sealed = sealParcel(to, commandOf(command), queueSeed, seed);
    return { relay_key: hex(to.key), onion_secret: hex(secret),
      onion_id: hex(onionId(to.onion)), queue_seed: hex(queueSeed),
      ...command, random: hex(seed), ...record('parcel', sealed.parcel),
      tag: hex(sealed.tag), binding: hex(sealed.binding),
      reply_secret: hex(sealed.secret),
      answers: answers.map((answer) => {
        const nonce = tape.draw(32);
        return { ...answer, nonce: hex(nonce),
          ...record('reply', answered(sealed, commandOf(command),
                                      answerOf(answer), nonce)) };
      }) };
  });
}

/* Made, and read again. */
function descriptorOf(d, seed) {
  const l = d.limits;
  const bytes = makeDescriptor({ sequence: d.sequence, from: d.from_ms,
    until: d.until_ms, features: d.features, limits: { largest: l.largest,
      ttlDays: l.ttl_days, forwardDays: l.forward_days, access: l.access,
      queueCount: l.queue_count, queueBytes: l.queue_bytes },
    operator: unhex(d.operator), label: d.label, addresses: d.addresses,
    onions: d.onions.map((o) => ({ key: xwingKeys(unhex(o.secret)).pk,
      from: o.from_ms, until: o.until_ms })) }, seed);
  const again = readDescriptor(bytes, signPublic(seed), d.from_ms);
  if (again.label !== d.label || again.onions.length !== d.onions.length)
    throw new Error('read as another');
  return bytes;
}

function descriptorVectors() {
  const tape = tapeOf('descriptors');
  const start = 1767225600000, day = 24 * 3600 * 1000;
  const make = (label, addresses, keys, limits) => {
    const seed = tape.draw(32);
    const d = { sequence: keys + 1, from_ms: start,
      until_ms: start + 14 * day, features: 3, limits,
      operator: hex(keys > 0 ? tape.draw(32) : zeros(32)), label, addresses,
      onions: Array.from({ length: keys }, (_, i) => ({
        secret: hex(tape.draw(32)), from_ms: start + 7 * day * (i - 5),
        until_ms: start + 7 * day * (i + 1) })) };
    const bytes = descriptorOf(d, seed);
    return { seed: hex(seed), ...d, ...record('descriptor', bytes),
      hash: hex(descriptorHash(bytes)) };
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
