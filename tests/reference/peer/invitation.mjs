/* Invitations: PROTOCOL.md section 7, the line of text and what follows from
 * its link key.
 */
import { cat, equal, Reader, u32, u8 } from './bytes.mjs';
import { addressBytes, takeAddress } from './address.mjs';
import { base32, unbase32 } from './base32.mjs';
import { H } from './crypto.mjs';
import { openEnvelope, S, sealEnvelope } from './envelope.mjs';

const PREFIX = 'POSTERN:';
const LINK = 1, OFFLINE = 2;
export const HOUR = 3600 * 1000;

const sumOf = (bytes) => H('postern/invitation-sum/1', bytes).slice(0, 2);

function textOf(form, body) {
  const bytes = cat(u8(form), body);
  return PREFIX + base32(cat(bytes, sumOf(bytes))).toUpperCase();
}

/* `places`: up to three of { queue: recv_id, relay }. */
export const linkText = (expiresHour, key, hash, places) => textOf(LINK,
  cat(u32(expiresHour), key, hash.slice(0, 24), u8(places.length),
      ...places.map(({ queue, relay }) => cat(queue, addressBytes(relay)))));
export const offlineText = (bundle) => textOf(OFFLINE, bundle);

/* { bundle } of an offline one, or what a link says. */
export function readInvitation(text) {
  const coded = text.slice(PREFIX.length);
  if (!text.startsWith(PREFIX) || coded !== coded.toUpperCase())
    throw new Error('not an invitation');
  const bytes = unbase32(coded.toLowerCase()), covered = bytes.slice(0, -2);
  if (!equal(sumOf(covered), bytes.slice(-2)))
    throw new Error('mistyped: the sum is another');
  const in_ = new Reader(covered), form = in_.number(1);
  if (form === OFFLINE) return { bundle: in_.rest() };
  if (form !== LINK) throw new Error('another form of invitation');
  const link = { expires: in_.number(4) * HOUR, key: in_.take(32),
                 hash: in_.take(24), places: [] };
  const count = in_.number(1);
  for (let i = 0; i < count; i++)
    link.places.push({ queue: in_.take(32), relay: takeAddress(in_) });
  in_.end();
  if (count < 1 || count > 3) throw new Error('not one to three relays');
  return link;
}

export const linkOwner = (key) => H('postern/link-owner/1', key);
export const linkCapability = (key) => H('postern/link-deposit/1', key);
export const linkId = (key) => H('postern/link-id/1', key);
const blobKey = (key) => H('postern/link-blob/1', key);

export const sealBlob = (key, bundle, tape) =>
  sealEnvelope(blobKey(key), linkId(key), S, bundle, tape);
export const openBlob = (key, envelope) =>
  openEnvelope(blobKey(key), linkId(key), envelope);
