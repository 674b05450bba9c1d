/* Mail of one contact, without a relay: what is owed, what is kept until it is
 * confirmed, what is had already. PROTOCOL.md section 8.
 *
 * A contact's `outbox` holds { id, content, epoch, sealedAt, sealings, deposit,
 * isStored }, oldest first; `deposit` is what goes to the relay, byte for byte
 * the same until it is sealed anew.
 */
import { equal, u32 } from './bytes.mjs';
import { decodeContent, encodeContent } from './content.mjs';
import { chance, H, hash256, random } from './crypto.mjs';
import { S, sealEnvelope, XS } from './envelope.mjs';
import { DAY } from './ratchet.mjs';
import { canSeal, grantResync, openMessage, readMessage, sealMessage }
  from './sessions.mjs';
import { RESYNC } from './handshake.mjs';

const RECEIPTS_ALONG = 64;
const HOUR = 3600 * 1000;
const AGAIN_AFTER_DAYS = [3, 6, 12, 24];
const KEPT_MS = 200 * DAY;

export function newContact(name, profile = 'normal') {
  return { name, profile, peer: null, queue: null, theirs: [], sessions: [],
    outbox: [], owed: [], seen: [], tags: [], unread: [], granted: [],
    tell: { until: 'mail', ids: [] }, resync: null, thinWish: null };
}

const has = (list, id) => list.some((other) => equal(other.id ?? other, id));
const without = (list, ids) =>
  list.filter((entry) => !has(ids, entry.id ?? entry));

/* --- sending ----------------------------------------------------------------- */

const ownQueues = (contact) => [contact.queue];

/* Put a content into the outbox; its id. */
export function enqueue(contact, parts, now) {
  const id = random(16);
  const receipts = contact.owed.slice(0, RECEIPTS_ALONG);
  contact.owed = contact.owed.slice(receipts.length);
  const tells = contact.tell !== null;
  if (tells) contact.tell.ids.push(id);
  const content = encodeContent({ id, sentMs: now, receipts, ...parts,
    queues: tells ? ownQueues(contact) : undefined });
  contact.outbox.push({ id, content, epoch: 0, sealedAt: 0, sealings: 0,
    deposit: null, isStored: false, sentAt: now, laterAt: null,
    isKept: tells || parts.text !== undefined || parts.file !== undefined });
  return id;
}

const least = (contact) => contact.profile === 'thin' ? XS : S;

export function envelopeFor(contact, inner) {
  const to = contact.theirs[0];
  return { to, envelope: sealEnvelope(to.key, to.sendId, least(contact), inner,
                                      chance) };
}

/* Seal what is due; the entries that have to go to a relay. */
export function sealDue(contact, now) {
  for (const entry of contact.outbox) {
    if (entry.deposit && isLost(entry, now)) sealAnew(entry);
    if (entry.deposit || !canSeal(contact) || contact.theirs.length === 0)
      continue;
    const inner = sealMessage(contact, entry.content, now);
    const deposit = envelopeFor(contact, inner);
    deposit.messageId = H('postern/deposit-id/1', deposit.to.key, entry.id,
                          u32(entry.epoch)).slice(0, 16);
    Object.assign(entry, { deposit, sealedAt: now });
    entry.sealings++;
  }
  return contact.outbox.filter((e) => e.deposit && !e.isStored);
}

function isLost(entry, now) {
  if (!entry.isStored) return false;
  const days = AGAIN_AFTER_DAYS[entry.sealings - 1];
  return (entry.laterAt !== null && now - entry.laterAt >= HOUR) ||
         (days !== undefined && now - entry.sealedAt >= days * DAY);
}

function sealAnew(entry) {
  entry.epoch++;
  Object.assign(entry, { deposit: null, isStored: false, laterAt: null });
}

/* Another session stands: what is not confirmed goes again. */
export function sealAllAnew(contact) {
  contact.outbox.filter((e) => e.deposit).forEach(sealAnew);
}

export function stored(contact, entry) {
  entry.isStored = true;
  if (!entry.isKept) contact.outbox = without(contact.outbox, [entry.id]);
}

/* --- receiving --------------------------------------------------------------- */

function takeReceipts(contact, ids, now) {
  const last = contact.outbox.findLastIndex((e) => has(ids, e.id));
  contact.outbox.slice(0, Math.max(last, 0))
    .forEach((e) => { e.laterAt ??= now; });
  const done = contact.outbox.filter((e) => has(ids, e.id)).map((e) => e.id);
  contact.outbox = without(contact.outbox, ids);
  if (contact.tell?.until === 'receipt' &&
      contact.tell.ids.some((id) => has(ids, id)))
    contact.tell = null;
  return done;
}

/* What one content says, once. */
function takeContent(contact, c, tag, now) {
  const out = { delivered: takeReceipts(contact, c.receipts, now) };
  const asksReceipt = c.text !== undefined || c.file || c.queues;
  if (contact.tell?.until === 'mail') contact.tell = null;
  if (has(contact.seen, c.id)) {
    if (asksReceipt && !has(contact.unread, c.id) && !has(contact.owed, c.id))
      contact.owed.push(c.id);
    return out;
  }
  contact.seen.push({ id: c.id, at: now });
  if (c.queues) contact.theirs = c.queues;
  contact.thinWish = c.thin;
  if (c.name) out.name = c.name;
  if (c.text !== undefined || c.file)
    contact.unread.push({ id: c.id, tag, text: c.text, sentMs: c.sentMs });
  else if (asksReceipt) contact.owed.push(c.id);
  if (c.resync) out.resync = c.resync.reason;
  return out;
}

/* One inner of an envelope of this contact's queue. The result says what to do
 * with the envelope: acknowledge it, unless `stays`; or, with `unread`, when
 * the application has that. `bundles` are ours that may be answered. */
export function takeInner(contact, me, bundles, inner, now) {
  const tag = hash256(inner);
  contact.tags = contact.tags.filter((t) => now - t.at < KEPT_MS);
  contact.seen = contact.seen.filter((s) => now - s.at < KEPT_MS);
  if (has(contact.tags, tag))
    return { again: true, unread: contact.unread.some((u) => equal(u.tag, tag)) };
  let out;
  try {
    const message = readMessage(inner);
    if (message.type === RESYNC) {
      const isRenewed = grantResync(contact, me, message.bundle, now);
      if (message.bundle.queues.length > 0)
        contact.theirs = message.bundle.queues;
      out = { granted: true, isRenewed, delivered: [] };
    } else {
      const opened = openMessage(contact, me, bundles, message, now);
      out = { used: opened.used, isRenewed: opened.isRenewed,
              ...takeContent(contact, decodeContent(opened.content), tag, now) };
    }
  } catch (error) {
    return { error: error.message, stays: error.stays === true };
  }
  contact.tags.push({ id: tag, at: now });
  if (out.isRenewed) sealAllAnew(contact);
  out.unread = contact.unread.some((u) => equal(u.tag, tag));
  return out;
}

/* The application has these for good. */
export function acknowledge(contact) {
  const taken = contact.unread;
  contact.owed.push(...taken.map((u) => u.id));
  contact.unread = [];
  return taken;
}
