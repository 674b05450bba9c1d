/* Vectors of end-to-end sessions: envelopes, identities, bundles, handshakes,
 * the ratchet and invitations, made with peer/, which is written from
 * PROTOCOL.md alone.
 *
 *     node session.mjs DIRECTORY            write DIRECTORY/*.json
 *     node session.mjs --check DIRECTORY    compare with what is there
 *
 * Exit status: 0 written or equal, 1 different, 77 libraries are not installed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addressText } from './peer/address.mjs';
import { cat, empty, equal, hex, u8, utf8 } from './peer/bytes.mjs';
import { makeBundle } from './peer/bundle.mjs';
import { H, signPublic, Tape } from './peer/crypto.mjs';
import { S, sealEnvelope, XS } from './peer/envelope.mjs';
import { answerHandshake, FIRST, startHandshake } from './peer/handshake.mjs';
import { makeIdentity, safetyNumber } from './peer/identity.mjs';
import { HOUR, linkId, linkText, offlineText, sealBlob }
  from './peer/invitation.mjs';
import { DAY, Ratchet } from './peer/ratchet.mjs';

const tapeOf = (label) => new Tape(`postern session vectors/${label}`);

/* One person's end: suite, type, and the handshake while unanswered. */
class Person {
  constructor(label, profile) {
    this.tape = tapeOf(label);
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
    return cat(u8(1), u8(m.type),
               m.type === FIRST ? this.handshake.wire : empty, m.bytes);
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

/* --- the vectors ------------------------------------------------------------ */

const epoch = 1767225600000; /* 2026-01-01T00:00Z */
const about = 'made by tests/reference/session.mjs from PROTOCOL.md';

function makeRelays() {
  const t = tapeOf('relays');
  return ['relay.example.org:7000', '192.0.2.7:443', '[2001:db8::1]:7000']
    .map((text) => ({ key: signPublic(t.draw(32)), text }));
}

function makeQueues(relays, count) {
  const t = tapeOf(`queues ${count}`);
  return relays.slice(0, count).map((relay) => ({ relay, sendId: t.draw(32),
    capability: t.draw(32), key: t.draw(32) }));
}

function envelopeVectors() {
  const t = tapeOf('envelope');
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
    const b = makeBundle(p.identity, kind, epoch, epoch + 30 * DAY, queues,
                         name, p.tape);
    return { kind, owner: hex(p.secret), created_ms: epoch,
      expires_ms: epoch + 30 * DAY, name,
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
    const b = makeBundle(p.identity, 1, epoch, epoch + 30 * DAY,
                         makeQueues(relays, count), 'Bob', p.tape);
    const random = p.tape.take();
    const hours = Math.floor((epoch + 30 * DAY) / HOUR);
    const ids = relays.map((_, i) => new Uint8Array(32).fill(0xa0 + i));
    const id = linkId(key), blob = sealBlob(key, b.bytes, p.tape);
    return { owner: hex(p.secret), count, random, bundle: hex(b.bytes),
      link_key: hex(key), link_id: hex(id), expires_hour: hours,
      relays: relays.slice(0, count).map(addressText),
      queue_ids: ids.slice(0, count).map(hex),
      link: linkText(hours, key, b.hash, relays.slice(0, count)
        .map((relay, i) => ({ queue: ids[i], relay }))),
      offline: offlineText(b.bytes), blob_random: p.tape.take(),
      blob: hex(blob) };
  });
}

function handshakeVectors() {
  return [[1, 1], [2, 7]].map(([kind, generation]) => {
    const a = new Person(`starter ${kind}`, 'normal');
    const b = new Person(`answerer ${kind}`, 'normal');
    const bundle = makeBundle(b.identity, kind, epoch, epoch + 30 * DAY, [], '',
                              b.tape);
    const h = startHandshake(a.identity, bundle, generation, a.tape);
    const again = answerHandshake(b.identity, bundle, h.wire);
    for (const part of ['T', 'root', 'hkA', 'hkB'])
      if (!equal(h[part], again[part])) throw new Error('two ends differ');
    return { kind, generation, starter: hex(a.secret), answerer: hex(b.secret),
      created_ms: epoch, expires_ms: epoch + 30 * DAY,
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
  const bundle = makeBundle(people.b.identity, 1, epoch, epoch + 30 * DAY, [],
                            '', people.b.tape);
  const bundleRandom = people.b.tape.take();
  const sent = [], steps = [];
  let now = epoch;
  people.a.start(bundle, now);
  steps.push({ op: 'start', who: 'a', now_ms: now,
               random: people.a.tape.take() });
  for (const word of script.split(' ')) {
    if (word[0] === '+') {
      now += Number(word.slice(1)) * HOUR;
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
    created_ms: epoch, expires_ms: epoch + 30 * DAY,
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
