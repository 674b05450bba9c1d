/* The handshake of two people: PROTOCOL.md section 6.3. */
import { cat, equal, Reader, u32, u8, utf8, zeros } from './bytes.mjs';
import { Decaps, DH, dhPublic, Encaps, H, HKDF, Open, Seal } from './crypto.mjs';
import { readIdentity } from './identity.mjs';

export const FIRST = 1, SHORT = 2, FULL = 3, RESYNC = 4;
export const HANDSHAKE_SIZE = 1284;
const CLEAR_SIZE = 16 + 32 + 1088;
const GENERATION_MAX = 2 ** 31 - 1;

export const handshakeId = (wire) =>
  H('postern/handshake-id/1', wire.slice(0, CLEAR_SIZE));
/* The first bytes of the hash of the bundle that it answers. */
export const answeredBundle = (wire) => wire.slice(0, 16);

function finish(id, bundle, generation, a, b, dh, ss) {
  const T = H('postern/handshake/1', u8(1), id, bundle.hash, u32(generation),
              a.signPk, a.dhPk, b.signPk, b.dhPk, a.id, b.id);
  const ikm = cat(new Uint8Array(32).fill(255), ...dh, ss);
  const okm = HKDF(zeros(32), ikm, cat(utf8('postern/handshake/1'), T), 96);
  return { id, T, generation, peer: null, root: okm.slice(0, 32),
           hkA: okm.slice(32, 64), hkB: okm.slice(64, 96) };
}

const identityKey = (id, dh3, ss) =>
  HKDF(id, cat(dh3, ss), utf8('postern/handshake/1 identity'), 32);

export function startHandshake(a, bundle, generation, tape) {
  const b = bundle.owner;
  if (equal(a.id, b.id)) throw new Error('this is oneself');
  const ek = tape.draw(32), m = tape.draw(32);
  const { ct, ss } = Encaps(bundle.kemPk, m);
  const clear = cat(bundle.hash.slice(0, 16), dhPublic(ek), ct);
  const id = handshakeId(clear);
  const dh = [DH(a.dhSk, bundle.signedPk), DH(ek, b.dhPk),
              DH(ek, bundle.signedPk)];
  if (bundle.onePk) dh.push(DH(ek, bundle.onePk));
  const sealed = Seal(identityKey(id, dh[2], ss), zeros(24), id,
                      cat(u32(generation), a.public));
  return { ...finish(id, bundle, generation, a, b, dh, ss), peer: b,
           wire: cat(clear, sealed) };
}

/* Throws unless it was made for `bundle`, which is b's with its secrets. */
export function answerHandshake(b, bundle, wire) {
  const clear = wire.slice(0, CLEAR_SIZE), id = handshakeId(wire);
  const ek = clear.slice(16, 48), ct = clear.slice(48);
  const ss = Decaps(bundle.kem.secretKey, ct);
  const dh3 = DH(bundle.signedSk, ek);
  const plain = Open(identityKey(id, dh3, ss), zeros(24), id,
                     wire.slice(CLEAR_SIZE));
  if (!plain) throw new Error('not a handshake for this bundle');
  const in_ = new Reader(plain), generation = in_.number(4);
  const a = readIdentity(in_.take(128));
  in_.end();
  if (equal(a.id, b.id) || generation < 1 || generation > GENERATION_MAX)
    throw new Error('not a handshake that is taken');
  const dh = [DH(bundle.signedSk, a.dhPk), DH(b.dhSk, ek), dh3];
  if (bundle.oneSk) dh.push(DH(bundle.oneSk, ek));
  return { ...finish(id, bundle, generation, a, b, dh, ss), peer: a, wire };
}

/* Of two handshakes the one that stands (section 6.5). */
export function stands(one, other) {
  if (one.generation !== other.generation)
    return one.generation > other.generation;
  return Buffer.compare(one.id, other.id) < 0;
}
