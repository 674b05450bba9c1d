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
import { acknowledge, enqueue, envelopeFor, isAtRelay, newContact, sealDue, stored,
  takeInner, tellQueues } from './mail.mjs';
import { DAY } from './ratchet.mjs';
import { ackMail, createQueue, deposit, fetchMail, onQueue, openQueues, Relay,
  rotateQueue } from './relay.mjs';
import { beginSession, sealResync } from './sessions.mjs';
import { load, save } from './store.mjs';

const INVITED_DAYS = 7, BUNDLE_DAYS = 60, RESYNCS_MAX = 4;
const STORED = [1, 2]; /* stored, or duplicate, which is as good */
const OK = 1, DONE = [1, 2]; /* ok, or gone already */

export class Person {
  static create(path, name, relays) {
    const person = new Person(path, { name, relays, secret: random(64),
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
  get places() {
    return this.state.relays.map(readAddress);
  }
  async newQueue(place) {
    const queue = await createQueue(await this.relay(place));
    return { seed: queue.seed, capability: queue.capability, key: random(32),
             recvId: queue.recvId, sendId: queue.sendId, relay: place };
  }
  /* One at each relay that answers. */
  async newQueues() {
    const queues = [];
    for (const place of this.places)
      await this.newQueue(place).then((q) => queues.push(q), () => {});
    if (queues.length === 0) throw new Error('no relay answers');
    return queues;
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
    const key = random(32), queues = await this.newQueues();
    const expires = Math.floor(this.now / HOUR) * HOUR + INVITED_DAYS * DAY;
    const bundle = makeBundle(this.me, INVITATION, this.now, expires, queues,
                              this.state.name, chance);
    const invitation = { name, queues, ...this.secretsOf(bundle), links: [] };
    this.state.invitations.push(invitation);
    for (const { relay } of isOffline ? [] : queues)
      invitation.links.push(await this.layOut(relay, key, bundle));
    this.save();
    return isOffline ? offlineText(bundle.bytes)
      : linkText(expires / HOUR, key, bundle.hash, invitation.links.map(
        ({ recvId, relay }) => ({ queue: recvId, relay })));
  }
  /* Put the bundle into a queue that follows from the link key. */
  async layOut(place, key, bundle) {
    const relay = await this.relay(place);
    const link = await createQueue(relay, { seed: linkOwner(key),
      capability: linkCapability(key), ttlDays: INVITED_DAYS });
    const put = await deposit(relay, link, random(16),
                              sealBlob(key, bundle.bytes, chance));
    if (!STORED.includes(put.status)) throw new Error(`not stored: ${put.status}`);
    return { seed: link.seed, recvId: link.recvId, relay: place };
  }
  async revoke(name) {
    const gone = this.state.invitations.filter((i) => i.name === name);
    for (const { queues, links } of gone)
      for (const queue of [...queues, ...links]) await this.remove(queue);
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
    const boxes = link.places.map(({ queue, relay }) =>
      ({ seed: linkOwner(link.key), recvId: queue, relay }));
    let isSilent = false;
    for (const box of boxes)
      try {
        const bundle = await this.bundleIn(link, box);
        if (bundle) return { bundle, boxes };
      } catch {
        isSilent = true;
      }
    throw new Error(isSilent ? 'not every relay has answered'
                             : 'the invitation was answered or revoked');
  }
  async bundleIn(link, box) {
    const relay = await this.relay(box.relay);
    const [found] = await openQueues(relay, [box]);
    const mail = found.known ? (await fetchMail(relay, box, 1)).mail : [];
    if (mail.length === 0) return null;
    const bundle = readBundle(openBlob(link.key, mail[0].envelope));
    return equal(bundle.hash.slice(0, 24), link.hash) ? bundle : null;
  }
  async accept(text, name) {
    const read = readInvitation(text);
    const { bundle, boxes } = read.bundle
      ? { bundle: readBundle(read.bundle), boxes: [] }
      : await this.bundleOfLink(read);
    if (bundle.kind !== INVITATION || bundle.expires < this.now)
      throw new Error('the invitation is over');
    const contact = newContact(name);
    contact.peer = bundle.owner.public;
    contact.theirs = bundle.queues;
    contact.queues = await this.newQueues();
    contact.listMs = this.now;
    beginSession(contact, this.me, bundle, this.now);
    enqueue(contact, { name: this.state.name }, this.now);
    contact.burn = boxes; /* deleted when a relay has the first message */
    this.state.contacts.push(contact);
    this.save();
    await this.flush();
  }

  /* --- sending --- */

  send(name, parts) {
    const id = enqueue(this.contact(name), parts, this.now);
    this.save();
    return id;
  }
  /* Everything that is due, but to no relay yet. */
  seal() {
    for (const contact of this.state.contacts) sealDue(contact, this.now);
    this.save();
  }
  /* To the relays, whatever is due; `isReversed` the last one first; `isBlind`
   * without learning what they said. */
  async flush({ isReversed = false, isBlind = false } = {}) {
    for (const contact of this.state.contacts) {
      const due = sealDue(contact, this.now);
      this.save();
      if (isReversed) due.reverse();
      for (const one of due)
        await this.deposit(contact, one, isBlind).catch(() => {});
      if (contact.burn.length > 0 && contact.outbox.some(isAtRelay))
        await this.burn(contact).catch(() => {});
      await this.flushResync(contact);
    }
  }
  async deposit(contact, { entry, copy, to }, isBlind) {
    const put = await deposit(await this.relay(to.relay), to, copy.messageId,
                              copy.envelope);
    if (isBlind || !STORED.includes(put.status)) return;
    stored(contact, entry, copy);
    this.save();
  }
  async burn(contact) {
    for (const box of contact.burn) {
      await this.remove(box);
      contact.burn = contact.burn.filter((b) => b !== box);
      this.save();
    }
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
      this.now + BUNDLE_DAYS * DAY, contact.queues, this.state.name, chance);
    contact.resync = { ...this.secretsOf(bundle), sent: [] };
    contact.listMs = Math.max(this.now, contact.listMs) + 1;
    this.save();
  }
  async flushResync(contact) {
    const { resync } = contact;
    const today = resync?.sent.filter((at) => this.now - at < DAY).length;
    if (!resync || today > 0 || resync.sent.length >= RESYNCS_MAX) return;
    for (const to of contact.theirs) {
      const envelope = envelopeFor(contact, to, sealResync(resync.bytes));
      await deposit(await this.relay(to.relay), to, random(16), envelope)
        .catch(() => {});
    }
    resync.sent.push(this.now);
    this.save();
  }

  /* --- receiving --- */

  boxes() {
    const { contacts, invitations } = this.state;
    return [
      ...contacts.flatMap((contact) =>
        contact.queues.map((queue) => ({ queue, contact }))),
      ...invitations.flatMap((invitation) =>
        invitation.queues.map((queue) => ({ queue, invitation }))),
    ];
  }
  /* Fetch and read all there is; what happened. `isReversed` reads the newest
   * first; without `isAcked` the relays keep what the application has not
   * acknowledged. */
  async receive(how = {}) {
    const events = [];
    for (const box of this.boxes())
      try {
        await this.receiveFrom(box, how, events);
      } catch (error) {
        events.push({ type: 'relay-away', why: error.message });
      }
    return events;
  }
  async receiveFrom(box, { isReversed = false, isAcked = true }, events) {
    const relay = await this.relay(box.queue.relay), mail = [];
    const [found] = await openQueues(relay, [box.queue]);
    if (!found.known) {
      events.push({ type: 'queue-gone' });
      return;
    }
    for (let more = true; more;) {
      const got = await fetchMail(relay, box.queue);
      mail.push(...got.mail);
      more = got.more;
    }
    if (isReversed) mail.reverse();
    const ids = mail.filter((m) => this.take(box, m.envelope, events, isAcked))
      .map((m) => m.message_id);
    this.hand(box.contact, events, isAcked);
    await this.renewCapabilities(box.contact);
    this.save();
    if (ids.length > 0) await ackMail(relay, box.queue, ids);
  }
  /* One envelope; true if the relay may forget it. */
  take(box, envelope, events, isAcked) {
    const { queue } = box;
    let out;
    /* Another queue of the invitation may have had the answer. */
    if (box.invitation?.contact) box.contact = box.invitation.contact;
    if (box.contact) box.invitation = null;
    const { invitation } = box;
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
    const { invitation } = box;
    contact.queues = invitation.queues;
    contact.renew = contact.queues.map((q) =>
      ({ recvId: q.recvId, capability: random(32) }));
    this.state.invitations = this.state.invitations
      .filter((i) => i !== invitation);
    this.state.contacts.push(contact);
    box.contact = contact;
    invitation.contact = contact;
    this.save();
  }
  /* The bundle told the old ones, and others may have read it. */
  async renewCapabilities(contact) {
    for (const { recvId, capability } of contact?.renew ?? []) {
      const queue = contact.queues.find((q) => equal(q.recvId, recvId));
      const relay = await this.relay(queue.relay);
      if (!relay.handles.has(hex(recvId))) await openQueues(relay, [queue]);
      const done = await rotateQueue(relay, queue, capability);
      if (done.status !== OK) continue;
      queue.capability = capability;
      contact.renew = contact.renew.filter((r) => !equal(r.recvId, recvId));
      if (contact.renew.length === 0) tellQueues(contact, this.now);
    }
  }
  hand(contact, events, isAcked) {
    if (!contact) return;
    for (const { id, text } of isAcked ? acknowledge(contact) : contact.unread)
      events.push({ type: 'message', from: contact.name, id: hex(id), text });
  }
}
