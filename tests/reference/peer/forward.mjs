/* A client's commands in parcels, to a relay by way of another or directly:
 * PROTOCOL.md section 4.2; and whom to seal them to, 4.8.
 */
import { empty, equal } from './bytes.mjs';
import { random } from './crypto.mjs';
import { descriptorHash, onionOf, readDescriptor } from './descriptor.mjs';
import { openAnswer, sealParcel } from './parcel.mjs';

const ACCEPTED = 1, DUPLICATE = 2, DONE = 1;

/* Seal `command` to { key, onion } and have `entry` pass it on; the answer, or
 * { accepted } or { outcome } where there is none. With `again`, the
 * `sealed` of an earlier call, the same parcel. */
export async function forward(entry, to, command, queueSeed,
                              { days = 21, again = null, patience = 15000 } = {}) {
  const sealed = again ?? sealParcel(to, command, queueSeed, random(64));
  const result = await entry.ask('Forward', { destination: to.key,
    expires_days: days, priority: 2, parcel: sealed.parcel });
  if (![ACCEPTED, DUPLICATE].includes(result.status))
    return { accepted: result.status, sealed };
  const end = Date.now() + patience;
  for (let left; (left = end - Date.now()) > 0;) {
    const frame = await entry.push(left);
    if (frame?.kind !== 'ForwardReply' || frame.id !== result.id) continue;
    if (frame.outcome !== DONE)
      return { outcome: frame.outcome, keyId: frame.key_id, sealed };
    return { ...openAnswer(sealed, command, frame.reply), sealed };
  }
  return { accepted: result.status, sealed };
}

/* The same to the relay itself. */
export async function direct(relay, to, command, queueSeed, { again } = {}) {
  const sealed = again ?? sealParcel(to, command, queueSeed, random(64));
  const { outcome, key_id: keyId, reply } = await relay.ask('Parcel',
    { priority: 2, parcel: sealed.parcel });
  return outcome === DONE ? { ...openAnswer(sealed, command, reply), sealed }
                          : { outcome, keyId, sealed };
}

/* { key, onion, descriptor } of the relay that this link leads to, as its
 * handshake announced it. */
export async function sealTo(relay, now = Date.now()) {
  const { descriptor: bytes } = await relay.ask('DescriptorRequest',
                                                { relay_key: empty });
  const key = relay.link.relayKey;
  const descriptor = readDescriptor(bytes, key, now);
  if (!equal(descriptorHash(bytes), relay.link.terms.descriptorHash))
    throw new Error('another descriptor than was announced');
  return { key, onion: onionOf(descriptor, now), descriptor };
}
