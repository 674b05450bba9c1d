/* One person: an identity, contacts, invitations, and the mail between them by
 * way of relays. Every step is saved before anything depends on it, so that the
 * program may end at any of them.
 */
import { addressText, readAddress } from './address.mjs';
import { equal, hex } from './bytes.mjs';
import { bundleFrom, INVITATION, makeBundle, readBundle, RESYNC }
  from './bundle.mjs';
import { chance, random } from './crypto.mjs';
import { openEnvelope } from './envelope.mjs';
import { makeIdentity, readIdentity, safetyNumber } from './identity.mjs';
import { HOUR, linkCapability, linkOwner, linkText, offlineText, openBlob,
  readInvitation, sealBlob } from './invitation.mjs';
import { acknowledge, enqueue, envelopeFor, newContact, sealDue, stored,
  takeInner } from './mail.mjs';
import { DAY } from './ratchet.mjs';
import { ackMail, createQueue, deposit, fetchMail, onQueue, openQueues, Relay,
  rotateQueue } from './relay.mjs';
import { beginSession, GRANTS_A_DAY, sealResync } from './sessions.mjs';
import { load, save } from './store.mjs';

const INVITED_DAYS = 7, BUNDLE_DAYS = 30;
const STORED = [1, 2]; /* stored, or duplicate, which is as good */
const DONE = [1, 2]; /* ok, or gone already */

export class Person {
  static create(path, name, relay) {
    const person = new Person(path, { name, relay, secret: random(64),
      contacts: [], invitations: [] });
    person.save();
    return person;
  }
  static open(path) {
    return new Person(path, load(path));
  }
  constructor(path, state) {
    this.path = path;
    this.state = state;
    this.me = makeIdentity(state.secret);
    this.links = new Map();
    this.skew = 0; /* of this person's clock, in ms */
  }
  get now() {
    return Date.now() + this.skew;
  }
  save() {
    save(this.path, this.state);
  }

  /* --- relays --- */

  async relay(place) {
    const address = addressText(place);
    let link = this.links.get(address);
    if (!link || link.ended) {
      link = await Relay.connect(address);
      this.links.set(address, link);
    }
    return link;
  }
  async leave() {
    for (const link of this.links.values()) await link.leave();
    this.links.clear();
  }
  get home() {
    return readAddress(this.state.relay);
  }
  async newQueue() {
    const queue = await createQueue(await this.relay(this.home));
    return { seed: queue.seed, capability: queue.capability, key: random(32),
             recvId: queue.recvId, sendId: queue.sendId, relay: this.home };
  }

  /* --- contacts --- */

  contact(name) {
    const found = this.state.contacts.find((c) => c.name === name);
    if (!found) throw new Error(`no contact ${name}`);
    return found;
  }
  safety(name) {
    return safetyNumber(this.me, readIdentity(this.contact(name).peer));
  }

  /* --- invitations: the inviter --- */

  secretsOf(bundle) {
    const { signedSk, kemSeed, oneSk } = bundle;
    return { bytes: bundle.bytes, secrets: { signedSk, kemSeed, oneSk } };
  }
  bundleOf({ bytes, secrets }) {
    return bundleFrom(this.me, bytes, secrets);
  }
  async invite(name, isOffline = false) {
    const key = random(32), queue = await this.newQueue();
    const expires = Math.floor(this.now / HOUR) * HOUR + INVITED_DAYS * DAY;
    const bundle = makeBundle(this.me, INVITATION, this.now, expires, [queue],
                              this.state.name, chance);
    const invitation = { name, queue, ...this.secretsOf(bundle), link: null };
    if (isOffline) {
      this.state.invitations.push(invitation);
      this.save();
      return offlineText(bundle.bytes);
    }
    const relay = await this.relay(this.home);
    const link = await createQueue(relay, { seed: linkOwner(key),
      capability: linkCapability(key), ttlDays: INVITED_DAYS });
    const put = await deposit(relay, link, random(16),
                              sealBlob(key, bundle.bytes, chance));
    if (!STORED.includes(put.status)) throw new Error(`not stored: ${put.status}`);
    invitation.link = { seed: link.seed, recvId: link.recvId, relay: this.home };
    this.state.invitations.push(invitation);
    this.save();
    return linkText(expires / HOUR, key, bundle.hash,
                    [{ queue: link.recvId, relay: this.home }]);
  }
  async revoke(name) {
    const gone = this.state.invitations.filter((i) => i.name === name);
    for (const { queue, link } of gone)
      for (const q of [queue, link].filter(Boolean)) await this.remove(q);
    this.state.invitations = this.state.invitations
      .filter((i) => i.name !== name);
    this.save();
  }
  async remove(queue) {
    const relay = await this.relay(queue.relay);
    const [found] = await openQueues(relay, [queue]);
    if (!found.known) return false;
    const done = await onQueue(relay, 'QueueDelete', queue);
    if (!DONE.includes(done.status)) throw new Error('not deleted');
    return true;
  }

  /* --- invitations: the invited --- */

  async bundleOfLink(link) {
    for (const { queue, relay: place } of link.places) {
      const box = { seed: linkOwner(link.key), recvId: queue, relay: place };
      const relay = await this.relay(place);
      const [found] = await openQueues(relay, [box]);
      if (!found.known) continue;
      const { mail } = await fetchMail(relay, box, 1);
      if (mail.length === 0) continue;
      const bundle = readBundle(openBlob(link.key, mail[0].envelope));
      if (!equal(bundle.hash.slice(0, 24), link.hash))
        throw new Error('another bundle than the link names');
      return { bundle, box };
    }
    throw new Error('the invitation was answered or revoked');
  }
  async accept(text, name) {
    const read = readInvitation(text);
    const { bundle, box } = read.bundle
      ? { bundle: readBundle(read.bundle), box: null }
      : await this.bundleOfLink(read);
    if (bundle.kind !== INVITATION || bundle.expires < this.now)
      throw new Error('the invitation is over');
    const contact = newContact(name);
    contact.peer = bundle.owner.public;
    contact.theirs = bundle.queues;
    contact.queue = await this.newQueue();
    beginSession(contact, this.me, bundle, this.now);
    enqueue(contact, { name: this.state.name }, this.now);
    contact.burn = box; /* deleted when a relay has the first message */
    this.state.contacts.push(contact);
    this.save();
    await this.flush();
    return contact;
  }

  /* --- sending --- */

  send(name, parts) {
    const id = enqueue(this.contact(name), parts, this.now);
    this.save();
    return id;
  }
  /* To the relays, whatever is due; `isReversed` the last one first. */
  async flush({ isReversed = false } = {}) {
    for (const contact of this.state.contacts) {
      const due = sealDue(contact, this.now);
      this.save();
      if (isReversed) due.reverse();
      for (const entry of due) await this.deposit(contact, entry);
      if (contact.burn && contact.outbox.some((e) => e.isStored)) {
        await this.remove(contact.burn);
        contact.burn = null;
        this.save();
      }
      await this.flushResync(contact);
    }
  }
  async deposit(contact, entry) {
    const { to, messageId, envelope } = entry.deposit;
    const put = await deposit(await this.relay(to.relay), to, messageId,
                              envelope);
    if (!STORED.includes(put.status)) return;
    stored(contact, entry);
    this.save();
  }
  /* Nothing but receipts, if any are owed. */
  receipts() {
    for (const contact of this.state.contacts)
      if (contact.owed.length > 0) enqueue(contact, {}, this.now);
    this.save();
  }

  /* --- a session that was lost --- */

  lose(name) {
    const contact = this.contact(name);
    contact.sessions = [];
    const bundle = makeBundle(this.me, RESYNC, this.now,
      this.now + BUNDLE_DAYS * DAY, [contact.queue], this.state.name, chance);
    contact.resync = { ...this.secretsOf(bundle), sent: [] };
    this.save();
  }
  async flushResync(contact) {
    const { resync } = contact;
    if (!resync || resync.sent.some((at) => this.now - at < DAY)) return;
    const { to, envelope } = envelopeFor(contact, sealResync(resync.bytes));
    const put = await deposit(await this.relay(to.relay), to, random(16),
                              envelope);
    if (STORED.includes(put.status) && resync.sent.length < GRANTS_A_DAY)
      resync.sent.push(this.now);
    this.save();
  }

  /* --- receiving --- */

  boxes() {
    return [...this.state.contacts.map((contact) =>
      ({ queue: contact.queue, contact })),
    ...this.state.invitations.map((invitation) =>
      ({ queue: invitation.queue, invitation }))];
  }
  /* Fetch and read all there is; what happened. `isReversed` reads the newest
   * first; without `isAcked` the relay keeps what the application has not
   * acknowledged. */
  async receive({ isReversed = false, isAcked = true } = {}) {
    const events = [];
    for (const box of this.boxes()) {
      const relay = await this.relay(box.queue.relay);
      const [found] = await openQueues(relay, [box.queue]);
      if (!found.known) {
        events.push({ type: 'queue-gone' });
        continue;
      }
      const mail = [];
      for (let more = true; more;) {
        const got = await fetchMail(relay, box.queue);
        mail.push(...got.mail);
        more = got.more;
      }
      if (isReversed) mail.reverse();
      const ids = mail.filter((m) => this.take(box, m.envelope, events, isAcked))
        .map((m) => m.message_id);
      this.hand(box.contact, events, isAcked);
      await this.renewCapability(box.contact, relay);
      this.save();
      if (ids.length > 0) await ackMail(relay, box.queue, ids);
    }
    return events;
  }
  /* One envelope; true if the relay may forget it. */
  take(box, envelope, events, isAcked) {
    const { queue, invitation } = box;
    let out;
    try {
      const inner = openEnvelope(queue.key, queue.sendId, envelope);
      const contact = box.contact ?? newContact(invitation.name);
      const bundles = [invitation, contact.resync].filter(Boolean)
        .map((kept) => this.bundleOf(kept));
      out = takeInner(contact, this.me, bundles, inner, this.now);
      if (out.used) this.met(box, contact);
    } catch (error) {
      out = { error: error.message };
    }
    if (out.error) events.push({ type: 'unreadable', why: out.error });
    if (out.again) events.push({ type: 'again' });
    if (out.granted) events.push({ type: 'resync' });
    if (out.resync) events.push({ type: 'resync-said', reason: out.resync });
    for (const id of out.delivered ?? [])
      events.push({ type: 'delivered', id: hex(id) });
    return !out.stays && (isAcked || !out.unread);
  }
  /* A bundle of ours was answered: its keys are destroyed. */
  met(box, contact) {
    if (contact.resync) contact.resync = null;
    if (!box.invitation) return;
    contact.queue = box.queue;
    contact.renew = random(32);
    contact.tell = { until: 'receipt', ids: [] };
    this.state.invitations = this.state.invitations
      .filter((i) => i !== box.invitation);
    this.state.contacts.push(contact);
    box.contact = contact;
    box.invitation = null;
    this.save();
  }
  /* The bundle told the old one, and others may have read it. */
  async renewCapability(contact, relay) {
    if (!contact?.renew) return;
    this.save();
    const done = await rotateQueue(relay, contact.queue, contact.renew);
    if (done.status !== 1) return;
    contact.queue.capability = contact.renew;
    contact.renew = null;
  }
  hand(contact, events, isAcked) {
    if (!contact) return;
    for (const { id, text } of isAcked ? acknowledge(contact) : contact.unread)
      events.push({ type: 'message', from: contact.name, id: hex(id), text });
  }
}
