/* Prekey bundles: PROTOCOL.md section 6.2. */
import { cat, empty, Reader, u64, u8, utf8 } from './bytes.mjs';
import { addressBytes, takeAddress } from './address.mjs';
import { dhPublic, H, isReduced, KeyGen, sign, verify } from './crypto.mjs';
import { readIdentity } from './identity.mjs';

export const INVITATION = 1, PUBLISHED = 2, RESYNC = 3;
const LABEL = utf8('postern/bundle/1');
const hashOf = (bytes) => H('postern/bundle-hash/1', bytes);
const queueBytes = (q) =>
  cat(q.sendId, q.capability, q.key, addressBytes(q.relay));

/* A bundle with its secrets, from what was drawn for it. */
export function bundleFrom(owner, bytes, { signedSk, kemSeed, oneSk }) {
  const kem = KeyGen(kemSeed);
  return { bytes, hash: hashOf(bytes), kind: bytes[1], owner, signedSk, kemSeed,
           kem, oneSk, signedPk: dhPublic(signedSk), kemPk: kem.publicKey,
           onePk: oneSk && dhPublic(oneSk) };
}

export function makeBundle(owner, kind, created, expires, queues, name, tape) {
  const signedSk = tape.draw(32), kemSeed = tape.draw(64);
  const oneSk = kind === PUBLISHED ? null : tape.draw(32);
  const body = cat(u8(1), u8(kind), u64(created), u64(expires), owner.public,
    dhPublic(signedSk), KeyGen(kemSeed).publicKey,
    oneSk ? dhPublic(oneSk) : empty, u8(queues.length),
    ...queues.map(queueBytes), u8(utf8(name).length), utf8(name));
  return bundleFrom(owner, cat(body, sign(owner.seed, LABEL, body)),
                    { signedSk, kemSeed, oneSk });
}

export function readText(bytes, least, most) {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    .decode(bytes);
  if (bytes.length < least || bytes.length > most ||
      /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(text))
    throw new Error('not a line of text');
  return text;
}

export function takeQueue(in_) {
  return { sendId: in_.take(32), capability: in_.take(32), key: in_.take(32),
           relay: takeAddress(in_) };
}

/* Somebody's bundle; throws if it is not one. */
export function readBundle(bytes) {
  const in_ = new Reader(bytes);
  if (in_.number(1) !== 1) throw new Error('another suite');
  const kind = in_.number(1);
  if (![INVITATION, PUBLISHED, RESYNC].includes(kind))
    throw new Error('another kind of bundle');
  const created = in_.number(8), expires = in_.number(8);
  const owner = readIdentity(in_.take(128));
  const signedPk = in_.take(32), kemPk = in_.take(1184);
  const onePk = kind === PUBLISHED ? null : in_.take(32);
  const queues = [];
  const count = in_.number(1);
  for (let i = 0; i < count; i++) queues.push(takeQueue(in_));
  const name = readText(in_.take(in_.number(1)), 0, 64);
  const signature = in_.take(64);
  in_.end();
  if (!verify(owner.signPk, signature, LABEL, bytes.slice(0, -64)) ||
      expires <= created || count > 3 || !isReduced(kemPk))
    throw new Error('not a bundle');
  return { bytes, hash: hashOf(bytes), kind, created, expires, owner, signedPk,
           kemPk, onePk, queues, name };
}
