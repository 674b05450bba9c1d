/* A client's commands to one relay by way of another: PROTOCOL.md section 4.2.
 */
import { random } from './crypto.mjs';
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
