/* The sessions with one contact: PROTOCOL.md sections 6.3 and 6.5. Of several
 * handshakes one stands; the others only read.
 *
 * A contact's `sessions` are { id, generation, wire, ratchet, since }, the one
 * that stands first.
 */
import { cat, empty, equal, Reader, u8 } from './bytes.mjs';
import { RESYNC as BUNDLE_RESYNC, readBundle } from './bundle.mjs';
import { chance } from './crypto.mjs';
import { answeredBundle, answerHandshake, FIRST, FULL, handshakeId,
  HANDSHAKE_SIZE, RESYNC, SHORT, stands, startHandshake } from './handshake.mjs';
import { DAY, Ratchet } from './ratchet.mjs';

const SUITE = 1;
const OTHERS_MAX = 3, OTHERS_MS = 90 * DAY;
export const GRANTS_A_DAY = 4;

const ratchetOf = (session) => new Ratchet(session.ratchet);

/* True if the new one stands, and an older one does not any more. */
function add(contact, handshake, ratchet, now) {
  const session = { id: handshake.id, generation: handshake.generation,
                    wire: handshake.wire, ratchet, since: now };
  const [standing, ...others] = contact.sessions;
  const wins = !standing || stands(session, standing);
  const rest = wins ? [standing, ...others].filter(Boolean)
                    : [session, ...others];
  for (const old of rest) old.demoted ??= now;
  contact.sessions = [wins ? session : standing, ...rest
    .filter((s) => now - s.demoted < OTHERS_MS).slice(0, OTHERS_MAX)];
  return wins && standing !== undefined;
}

/* Answer somebody's bundle, which is checked. */
export function beginSession(contact, me, bundle, now) {
  const generation = (contact.sessions[0]?.generation ?? 0) + 1;
  const handshake = startHandshake(me, bundle, generation, chance);
  return add(contact, handshake, Ratchet.start(handshake, bundle,
    contact.profile, now, chance), now);
}

export const canSeal = (contact) =>
  contact.sessions.length > 0 && ratchetOf(contact.sessions[0]).canSend;

export function sealMessage(contact, content, now) {
  const session = contact.sessions[0], ratchet = ratchetOf(session);
  ratchet.profile = contact.profile;
  const { type, bytes } = ratchet.seal(content, now, chance);
  session.ratchet = ratchet;
  return cat(u8(SUITE), u8(type), type === FIRST ? session.wire : empty, bytes);
}

export const sealResync = (bundle) => cat(u8(SUITE), u8(RESYNC), bundle);

export function readMessage(inner) {
  const in_ = new Reader(inner);
  if (in_.number(1) !== SUITE) throw new Error('another suite');
  const type = in_.number(1);
  if (type === RESYNC) return { type, bundle: readBundle(in_.rest()) };
  if (![FIRST, SHORT, FULL].includes(type)) throw new Error('another type');
  return { type, wire: type === FIRST ? in_.take(HANDSHAKE_SIZE) : null,
           body: in_.rest() };
}

/* A FIRST that none of the sessions knows. It counts only if its content
 * opens; then the bundle's keys are to be destroyed. */
function openNewFirst(contact, me, bundles, { wire, body }, now) {
  const bundle = bundles.find((b) =>
    equal(b.hash.slice(0, 16), answeredBundle(wire)));
  if (!bundle) throw new Error('for no bundle that is still open');
  const handshake = answerHandshake(me, bundle, wire);
  if (contact.peer && !equal(contact.peer, handshake.peer.public))
    throw Object.assign(new Error('another identity'), { stays: true });
  const ratchet = Ratchet.answer(handshake, bundle, contact.profile);
  const content = ratchet.open(FIRST, body, now);
  contact.peer ??= handshake.peer.public;
  return { content, used: bundle, isRenewed: add(contact, handshake, ratchet,
                                                 now) };
}

/* { content, used, isRenewed }: the bundle of ours that it answered, and
 * whether another session stands now. Throws where nothing opens it. */
export function openMessage(contact, me, bundles, message, now) {
  const { type, wire, body } = message;
  const id = wire && handshakeId(wire);
  const known = contact.sessions.filter((s) => !id || equal(s.id, id));
  if (id && known.length === 0)
    return openNewFirst(contact, me, bundles, message, now);
  for (const session of known) {
    const ratchet = ratchetOf(session);
    try {
      const content = ratchet.open(type, body, now);
      session.ratchet = ratchet;
      return { content, used: null, isRenewed: false };
    } catch {
      /* perhaps an older one */
    }
  }
  throw new Error('no session opens it');
}

/* A RESYNC: a session of the next generation, if it may be had. */
export function grantResync(contact, me, bundle, now) {
  if (bundle.kind !== BUNDLE_RESYNC) throw new Error('another kind of bundle');
  if (!equal(bundle.owner.public, contact.peer))
    throw Object.assign(new Error('another identity'), { stays: true });
  if (contact.granted.some((g) => equal(g.hash, bundle.hash)))
    throw new Error('granted before');
  if (contact.granted.filter((g) => now - g.at < DAY).length >= GRANTS_A_DAY)
    throw Object.assign(new Error('too many today'), { stays: true });
  contact.granted.push({ hash: bundle.hash, at: now });
  return beginSession(contact, me, bundle, now);
}
