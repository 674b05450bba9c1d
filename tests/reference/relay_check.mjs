/* A relay held to PROTOCOL.md sections 1 to 3 by an endpoint that is not ours.
 *
 *     node relay_check.mjs ADDRESS PART [ARGUMENT]
 *
 * Exit status: 0 as the text says, 1 not, 77 libraries are not installed.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { addressText, readAddress } from './peer/address.mjs';
import { empty, equal, hex, unhex } from './peer/bytes.mjs';
import { ed25519, random } from './peer/crypto.mjs';
import { encodeFrame } from './peer/frames.mjs';
import { ackMail, createQueue, deposit, fetchMail, onQueue, openQueues, Relay,
  rotateQueue } from './peer/relay.mjs';

const [address, part, argument] = process.argv.slice(2);
const connect = (options) => Relay.connect(address, options);

const STORED = 1, DUPLICATE = 2, QUOTA = 3, SUSPENDED = 4, UNKNOWN = 5;
const OK = 1, GONE = 2;
const URGENT = 1, NORMAL = 2, BULK = 3;
const note = (size = 896) => ({ id: random(16), envelope: random(size) });
const put = async (relay, queue, { id, envelope }, options) =>
  (await deposit(relay, queue, id, envelope, options)).status;
const idsOf = (mail) => mail.map((m) => hex(m.message_id));
const isRecords = (bytes, code) => (bytes - 2 * 1024) % (1 << code) === 0;

const parts = {
  /* Every record size, and what an open link answers. */
  async link() {
    for (const code of [10, 12, 14]) {
      const relay = await connect({ code, features: 1 });
      assert.equal(relay.link.terms.code, code);
      assert.equal(relay.link.terms.features, 1);
      assert.ok(Math.abs(relay.link.terms.wallMs - Date.now()) < 60000);
      const info = await relay.ask('InfoRequest');
      assert.equal(Buffer.from(info.software).toString(), 'posternd');
      const data = random(64);
      assert.ok(equal((await relay.ask('Ping', { data })).data, data));
      /* Not for a client to send; not granted; the link stays open. */
      assert.equal((await relay.ask('Acked', { forgotten: 1 })).code, 2);
      const asked = await relay.ask('DescriptorRequest', { relay_key: empty });
      assert.equal(asked.code, 1);
      await relay.ask('Ping', { data: empty });
      assert.ok(isRecords(relay.received, code) && isRecords(relay.sent, code));
      await relay.leave();
    }
  },

  /* What is not to the letter ends the link without a word. */
  async letter() {
    for (const bytes of ['0881009201 00', '920100 0801', '0801b20100',
      '08019201009 20100', hex(encodeFrame(0, 'QueueClosed',
        { handle: 1, reason: 1 }))]) {
      const relay = await connect();
      await relay.ask('Ping', { data: empty });
      const before = relay.received;
      relay.link.send(unhex(bytes.replaceAll(' ', '')));
      relay.flush();
      assert.equal(await relay.closed, null);
      assert.equal(relay.received, before);
    }
  },

  /* Who has another relay's key hears nothing, to the end. */
  async silence() {
    const place = readAddress(address);
    place.key = ed25519.getPublicKey(random(32));
    const relay = new Relay(place, { patience: 20000 });
    const start = Date.now();
    relay.refused = () => {};
    relay.opened = () => assert.fail('opened');
    await relay.closed;
    const took = Date.now() - start;
    assert.equal(relay.received, 0);
    assert.ok(took > 5900 && took < 12000, `closed after ${took} ms`);
    assert.ok(addressText(place) !== address);
  },

  /* A queue from its making to its end. */
  async queue() {
    const relay = await connect(), sender = await connect();
    const queue = await createQueue(relay, { ttlDays: 30 });
    assert.equal(queue.granted.handle, 1);
    assert.ok(queue.granted.ttl_days <= 30);
    const notes = [896, 3968, 16256, 65088].map(note);
    for (const n of notes) assert.equal(await put(sender, queue, n), STORED);
    assert.equal(await put(sender, queue, notes[1]), DUPLICATE);
    const urgent = note();
    assert.equal(await put(sender, queue, urgent, { priority: URGENT }), STORED);
    const first = await fetchMail(relay, queue, 2);
    assert.equal(first.more, true);
    const rest = await fetchMail(relay, queue);
    assert.equal(rest.more, false);
    const mail = [...first.mail, ...rest.mail];
    assert.deepEqual(idsOf(mail), [urgent, ...notes].map((n) => hex(n.id)));
    [urgent, ...notes].forEach((n, i) =>
      assert.ok(equal(mail[i].envelope, n.envelope)));
    /* Once on each opening; after its ack on none. */
    assert.equal((await fetchMail(relay, queue)).mail.length, 0);
    const ids = mail.map((m) => m.message_id);
    assert.equal((await ackMail(relay, queue, ids.slice(0, 3))).forgotten, 3);
    assert.equal((await ackMail(relay, queue, ids.slice(0, 3))).forgotten, 0);
    await relay.leave();
    const again = await connect();
    const [opened] = await openQueues(again, [queue]);
    assert.equal(opened.waiting, 2);
    assert.deepEqual(idsOf((await fetchMail(again, queue)).mail),
                     idsOf(mail).slice(3));
    /* Two capabilities for a while, suspended and resumed, deleted. */
    const capability = random(32), other = { ...queue, capability };
    assert.equal(await put(sender, other, note()), UNKNOWN);
    assert.equal((await rotateQueue(again, queue, capability)).status, OK);
    for (const to of [queue, other])
      assert.equal(await put(sender, to, note()), STORED);
    assert.equal((await onQueue(again, 'QueueSuspend', queue)).status, OK);
    assert.equal(await put(sender, other, note()), SUSPENDED);
    assert.equal((await onQueue(again, 'QueueResume', queue)).status, OK);
    assert.equal(await put(sender, other, note()), STORED);
    assert.equal((await onQueue(again, 'QueueDelete', queue)).status, OK);
    assert.equal(await put(sender, other, note()), UNKNOWN);
    assert.equal((await onQueue(again, 'QueueDelete', queue)).status, GONE);
    const [gone] = await openQueues(again, [queue]);
    assert.deepEqual(gone, { known: false, handle: 0, waiting: 0, refused: 0,
                             flags: 0 });
    await Promise.all([again.leave(), sender.leave()]);
  },

  /* Strangers learn nothing: no queue and no right to it look the same. */
  async strangers() {
    const relay = await connect(), queue = await createQueue(relay);
    const stranger = await connect();
    const wrong = { ...queue, capability: random(32) };
    const none = { ...queue, sendId: random(32) };
    for (const to of [wrong, none])
      assert.equal(await put(stranger, to, note()), UNKNOWN);
    const thief = { ...queue, seed: random(32) };
    const nobody = { ...queue, recvId: random(32) };
    const opened = await openQueues(stranger, [thief, nobody, queue]);
    assert.deepEqual(opened.map((q) => q.known), [false, false, true]);
    /* The owner's other link is told. */
    const closed = await relay.push(5000);
    assert.deepEqual([closed.kind, closed.reason], ['QueueClosed', 1]);
    /* A signature is good on one link only: here, of the wrong binding. */
    stranger.link.binding = random(32);
    assert.equal((await openQueues(stranger, [queue]))[0].known, false);
    await assert.rejects(createQueue(stranger), { message: 'QueueDone 3' });
    /* A handle that was never given ends the link. */
    stranger.ask('Fetch', { handle: 77, max: 1 }).catch(() => {});
    assert.equal(await stranger.closed, null);
    await relay.leave();
  },

  /* Pushed as far as the window goes, urgent mail further than bulk. */
  async window() {
    const relay = await connect(), sender = await connect();
    const queue = await createQueue(relay, { window: 4 });
    for (let i = 0; i < 4; i++)
      assert.equal(await put(sender, queue, note(), { priority: BULK }), STORED);
    const got = [await relay.push(5000), await relay.push(5000)];
    assert.ok(got.every((m) => m.kind === 'Deliver' && m.id === 0));
    assert.equal(await relay.push(300), null); /* bulk takes half of it */
    assert.equal(await put(sender, queue, note(), { priority: URGENT }), STORED);
    const urgent = await relay.push(5000);
    assert.equal(urgent.priority, URGENT);
    await ackMail(relay, queue, [got[0].message_id, urgent.message_id]);
    assert.equal((await relay.push(5000)).priority, BULK);
    /* What was given and not acknowledged is given to the next opening. */
    const next = await connect();
    await openQueues(next, [queue]);
    assert.equal((await fetchMail(next, queue)).mail.length, 3);
    await Promise.all([relay, sender, next].map((r) => r.leave()));
  },

  /* Full for bulk, then for normal, then for all; told to the owner once. */
  async quota() {
    const relay = await connect(), queue = await createQueue(relay);
    const { max_count: most } = queue.granted;
    const fill = async (priority) => {
      for (let count = 0; ; count++) {
        const status = await put(relay, queue, note(), { priority });
        if (status !== STORED) {
          assert.equal(status, QUOTA);
          return count;
        }
      }
    };
    assert.equal(await fill(BULK), most / 2);
    assert.equal(await fill(NORMAL), most * 7 / 8 - most / 2);
    assert.equal(await fill(URGENT), most / 8);
    const got = await fetchMail(relay, queue, 256);
    assert.equal(got.mail.length, most);
    assert.equal(got.refused, 7);
    await ackMail(relay, queue, got.mail.map((m) => m.message_id), true);
    assert.equal((await fetchMail(relay, queue)).refused, 0);
    await relay.leave();
  },

  /* A relay that is busy asks for work, and opens. */
  async puzzle() {
    const relay = await connect();
    assert.equal(relay.link.retries, 1);
    assert.equal(await put(relay, await createQueue(relay), note()), STORED);
    await relay.leave();
  },

  /* Says what the next part needs to know. */
  async keep() {
    const relay = await connect(), queue = await createQueue(relay);
    const n = note(3968);
    assert.equal(await put(relay, queue, n), STORED);
    console.log([queue.seed, queue.recvId, n.id, n.envelope].map(hex).join());
    await relay.leave();
  },
  async kept() {
    const [seed, recvId, id, envelope] = argument.split(',').map(unhex);
    const relay = await connect(), queue = { seed, recvId };
    assert.equal((await openQueues(relay, [queue]))[0].waiting, 1);
    const { mail } = await fetchMail(relay, queue);
    assert.deepEqual(idsOf(mail), [hex(id)]);
    assert.ok(equal(mail[0].envelope, envelope));
    assert.equal((await ackMail(relay, queue, [id])).forgotten, 1);
    await relay.leave();
  },

  /* New keys while frames flow. Not before half the records have passed: so
   * they do, and nothing is in them. */
  async rollover() {
    const early = await connect({ code: 10 });
    early.rollover();
    assert.equal(await early.closed, null);
    const relay = await connect({ code: 10 });
    const queue = await createQueue(relay), h = relay.link.h;
    while (relay.link.writer.count < 2 ** 19) {
      relay.link.sendEmpty(512);
      relay.flush();
      if (relay.socket.writableLength > 1 << 20)
        await new Promise((done) => relay.socket.once('drain', done));
    }
    relay.rollover();
    const sent = note();
    assert.equal(await put(relay, queue, sent), STORED);
    for (let i = 0; equal(relay.link.h, h) && i < 100; i++) await sleep(20);
    assert.ok(!equal(relay.link.h, h));
    assert.ok(relay.link.writer.count < 100);
    /* The queue is still open, and under the binding of old others open. */
    assert.deepEqual(idsOf((await fetchMail(relay, queue)).mail),
                     [hex(sent.id)]);
    assert.equal((await openQueues(relay, [queue]))[0].known, true);
    await relay.leave();
  },
};
await parts[part]();
