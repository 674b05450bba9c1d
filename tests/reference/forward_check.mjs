/* Every command of PROTOCOL.md section 4 goes in a parcel, and its answer comes
 * back; client, entry relay and destination are ours or not.
 *
 *     node forward_check.mjs key SEED         print the key of a destination
 *     node forward_check.mjs to SEED ENTRY    that destination, here, by way of
 *                                             ENTRY, which knows its key
 *     node forward_check.mjs by ENTRY RELAY   to RELAY by way of ENTRY
 *     node forward_check.mjs direct RELAY     to RELAY itself
 *
 * SEED is 64 hex digits. Exit status: 0 as the text says, 1 not, 77 libraries
 * are not installed.
 */
import assert from 'node:assert/strict';
import { base32 } from './peer/base32.mjs';
import { equal, hex, unhex, zeros } from './peer/bytes.mjs';
import { hash256, random, signPublic } from './peer/crypto.mjs';
import { Destination } from './peer/destination.mjs';
import { direct, forward, sealTo } from './peer/forward.mjs';
import { envelopeSizes } from './peer/frames.mjs';
import { ACK, CREATE, DELETE, DEPOSIT, FETCH, onionId, RESUME, ROTATE,
  SUSPEND } from './peer/parcel.mjs';
import { Relay } from './peer/relay.mjs';

const OK = 1, DUPLICATE = 2, SUSPENDED = 4, UNKNOWN = 5, REPEATED = 8, EMPTY = 9,
  LARGER = 10;
const REFUSED = 3, NO_SUCH_PEER = 3;
const [mode, ...words] = process.argv.slice(2);
const connect = (address) => Relay.connect(address, { features: 3 });

/* Whom to seal to, the link for it, and how a parcel goes. */
const ways = {
  async to(seed, address) {
    const there = new Destination(unhex(seed));
    there.serve(address);
    return { to: { key: there.key, onion: there.onion }, send: forward,
             link: await connect(address), there };
  },
  async by(entry, address) {
    const relay = await connect(address), to = await sealTo(relay);
    await relay.leave();
    return { to, send: forward, link: await connect(entry) };
  },
  async direct(address) {
    const link = await connect(address);
    return { to: await sealTo(link), send: direct, link };
  },
};
if (mode === 'key') {
  console.log(base32(new Destination(unhex(words[0])).key));
  process.exit(0);
}
const { to, send, link, there } = await ways[mode](...words);

/* A recipient's queue. */
const own = random(32), capability = random(32);
const ask = (command, fields, options) =>
  send(link, to, { command, ...fields }, own, options);
const made = await ask(CREATE, { queueKey: signPublic(own), ttlDays: 21,
  depositHash: hash256(capability), accessSecret: zeros(0) });
assert.equal(made.status, OK);
assert.equal(made.maxCount, 128);
const { recvId, sendId } = made;

/* One deposit of each class, and one of a stranger's. */
const put = (envelope, options, of = {}) => ask(DEPOSIT, { sendId, capability,
  messageId: random(16), priority: 2, ttlDays: 0, envelope, ...of }, options);
const envelopes = envelopeSizes.map((size) => random(size));
for (const envelope of envelopes)
  assert.equal((await put(envelope)).status, OK);
assert.equal((await put(random(896), {}, { capability: own })).status, UNKNOWN);

/* The same parcel is opened once, the same message stored once. */
const messageId = random(16), twice = random(896);
const first = await put(twice, {}, { messageId });
assert.equal(first.status, OK);
const opened = there?.opened;
const same = await ask(DEPOSIT, { sendId, capability, messageId, priority: 2,
  ttlDays: 0, envelope: twice }, { again: first.sealed, patience: 3000 });
assert.ok([OK, DUPLICATE, REPEATED].includes(same.status) ||
          same.accepted === DUPLICATE);
assert.equal(there?.opened, opened);
assert.equal((await put(twice, {}, { messageId })).status, DUPLICATE);

/* All of it is fetched, one at a time, the larger ones when there is room. */
let cursor = zeros(18), ids = [];
for (const [i, envelope] of [...envelopes, twice].entries()) {
  const fetch = { recvId, refusedSeen: 0, ids: [], cursor };
  if (i > 0 && i < 4) {
    const small = await ask(FETCH, { ...fetch, room: i - 1 }, { days: 0 });
    assert.deepEqual([small.status, small.class], [LARGER, i]);
  }
  const got = await ask(FETCH, { ...fetch, room: i % 4 }, { days: 0 });
  assert.equal(got.status, OK);
  assert.ok(equal(got.envelope, envelope));
  assert.equal(got.more, i < 4);
  ids.push(got.messageId);
  cursor = got.cursor;
}
assert.equal(hex(ids[4]), hex(messageId));
const of = { recvId, refusedSeen: 0 };
assert.equal((await ask(FETCH, { ...of, ids: ids.slice(0, 2), room: 0, cursor }))
  .status, EMPTY);
assert.equal((await ask(ACK, { ...of, ids })).forgotten, 3);

/* Another capability, suspended, resumed, gone; and only by its owner. */
const other = random(32);
assert.equal((await ask(ROTATE, { recvId, depositHash: hash256(other) })).status,
             OK);
assert.equal((await put(twice, {}, { capability: other })).status, OK);
assert.equal((await send(link, to, { command: SUSPEND, recvId }, random(32)))
  .status, UNKNOWN);
assert.equal((await ask(SUSPEND, { recvId })).status, OK);
assert.equal((await put(twice)).status, SUSPENDED);
assert.equal((await ask(RESUME, { recvId })).status, OK);
assert.equal((await ask(DELETE, { recvId })).status, OK);
assert.equal((await put(twice)).status, UNKNOWN);

/* Sealed to a key that is not there: the right one is named. To a relay that
 * nobody knows: said at once. */
const stale = new Destination();
const refused = await send(link, { key: to.key, onion: stale.onion },
                           { command: DELETE, recvId }, own);
assert.equal(refused.outcome, REFUSED);
assert.ok(equal(refused.keyId, onionId(to.onion)));
if (send === forward)
  assert.equal((await forward(link, stale, { command: DELETE, recvId }, own))
    .accepted, NO_SUCH_PEER);

await link.leave();
process.exit(0); /* the destination's link goes with it */
