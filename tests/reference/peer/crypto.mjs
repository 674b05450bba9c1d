/* What PROTOCOL.md builds on, under the names it uses, from the @noble
 * libraries. A program that imports this ends with 77 where they are missing.
 */
import { randomBytes } from 'node:crypto';
import { cat, empty, utf8 } from './bytes.mjs';

let noble;
try {
  noble = {
    ...(await import('@noble/ciphers/chacha')),
    ...(await import('@noble/curves/ed25519')),
    ...(await import('@noble/hashes/sha256')),
    ...(await import('@noble/hashes/sha512')),
    ...(await import('@noble/hashes/sha3')),
    ...(await import('@noble/hashes/blake2b')),
    ...(await import('@noble/hashes/hmac')),
    ...(await import('@noble/hashes/hkdf')),
    ...(await import('@noble/post-quantum/ml-kem')),
  };
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  console.error('skipped: run npm ci in tests/reference first');
  process.exit(77);
}
export const { chacha20poly1305, xchacha20poly1305, x25519, ed25519, sha256,
  sha512, sha3_256, shake256, blake2b, hmac, ml_kem768: mlkem,
  edwardsToMontgomeryPub, edwardsToMontgomeryPriv } = noble;
export const hkdfExtract = noble.extract, hkdfExpand = noble.expand;

export const random = (len) => Uint8Array.from(randomBytes(len));

export const H = (label, ...parts) => blake2b(cat(utf8(label), ...parts),
                                              { dkLen: 32 });
export const hash256 = (...parts) => blake2b(cat(...parts), { dkLen: 32 });
export const HKDF = (salt, ikm, info, len) =>
  noble.hkdf(sha256, ikm, salt, info, len);

export const DH = (sk, pk) => x25519.getSharedSecret(sk, pk); /* throws on 0 */
export const dhPublic = (sk) => x25519.getPublicKey(sk);
export const signPublic = (seed) => ed25519.getPublicKey(seed);
export const sign = (seed, ...parts) => ed25519.sign(cat(...parts), seed);
export const verify = (pk, signature, ...parts) => {
  try {
    return ed25519.verify(signature, cat(...parts), pk, { zip215: false });
  } catch {
    return false;
  }
};

export const Seal = (key, nonce, ad, plain) =>
  xchacha20poly1305(key, nonce, ad).encrypt(plain);
/* null where it does not open. */
export const Open = (key, nonce, ad, sealed) => {
  try {
    return xchacha20poly1305(key, nonce, ad).decrypt(sealed);
  } catch {
    return null;
  }
};

/* FIPS 203 section 7.2: every 12-bit coefficient of ek is below q. Noble of
 * this version lets others pass. */
export function isReduced(ek) {
  for (let i = 0; i < 1152; i += 3) {
    const v = ek[i] | ek[i + 1] << 8 | ek[i + 2] << 16;
    if ((v & 0xfff) >= 3329 || v >> 12 >= 3329) return false;
  }
  return true;
}
export const KeyGen = (seed) => mlkem.keygen(seed);
export function Encaps(ek, m) {
  if (ek.length !== 1184 || !isReduced(ek)) throw new Error('not a key');
  const { cipherText, sharedSecret } = mlkem.encapsulate(ek, m);
  return { ct: cipherText, ss: sharedSecret };
}
export const Decaps = (dk, ct) => mlkem.decapsulate(ct, dk);

/* Randomness that anyone can make again. */
export class Tape {
  constructor(label) {
    this.label = label;
    this.count = 0;
    this.drawn = empty;
  }
  draw(len) {
    let out = empty;
    while (out.length < len)
      out = cat(out, sha256(utf8(`${this.label}/${this.count++}`)));
    out = out.slice(0, len);
    this.drawn = cat(this.drawn, out);
    return out;
  }
  /* What was drawn since the last call. */
  take() {
    const out = this.drawn;
    this.drawn = empty;
    return Buffer.from(out).toString('hex');
  }
}
/* Randomness that nobody can. */
export const chance = { draw: random };
