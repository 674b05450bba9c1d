/* The first two messages of a link, and the puzzle between them: PROTOCOL.md
 * sections 1.1 to 1.4.
 */
import { be, cat, empty, areZeros, hex, pad, Reader, u16, u8, u64, utf8 }
  from './bytes.mjs';
import { blake2b, ed25519, hash256, Open, Seal } from './crypto.mjs';

export const HELLO_SIZE = 2048;
const HARDEST = 22;

const label = (text) => cat(utf8(text), u8(0));

/* Refused: what is no point of the prime-order group. */
export function checkRelayKey(key) {
  const point = ed25519.ExtendedPoint.fromHex(key, false);
  if (!point.isTorsionFree() || point.equals(ed25519.ExtendedPoint.ZERO))
    throw new Error('not a relay key');
  return key;
}

export const prologueOf = (role, relayKey) =>
  cat(label('postern-link/1'), u8(role), relayKey);

const keyOf = (relayKey, text, tail = empty) =>
  blake2b(cat(label(text), tail), { key: relayKey, dkLen: 32 });
const mac1Key = (relayKey, role) =>
  keyOf(relayKey, 'postern-link/1/mac1', u8(role));
const retryKey = (relayKey) => keyOf(relayKey, 'postern-link/1/retry');

/* Message 1 of what Noise made of it, with mac1 and a solution before. */
export function wrapHello(relayKey, role, solution, noise) {
  const mac1 = blake2b(cat(solution, noise),
                       { dkLen: 16, key: mac1Key(relayKey, role) });
  return cat(mac1, solution, noise);
}

export function sealRetry(relayKey, hello, nonce, challenge, difficulty) {
  const plain = pad(2008, challenge, u8(difficulty));
  return cat(nonce, Seal(retryKey(relayKey), nonce, hello.slice(0, 16), plain));
}

/* What is asked, or null if the answer is no retry to this hello. */
export function openRetry(relayKey, hello, answer) {
  const plain = Open(retryKey(relayKey), answer.slice(0, 24),
                     hello.slice(0, 16), answer.slice(24));
  if (!plain) return null;
  if (!areZeros(plain.slice(33)) || plain[32] > HARDEST)
    throw new Error('not a puzzle that is solved');
  return { challenge: plain.slice(0, 32), difficulty: plain[32] };
}

const leadingZeros = (bytes) => {
  const bits = BigInt('0x' + hex(bytes)).toString(2);
  return 8 * bytes.length - (bits === '0' ? 0 : bits.length);
};

/* Keeps the first half of `solution` and counts the second up. */
export function solvePuzzle({ challenge, difficulty }, noise, solution) {
  const digest = hash256(noise), head = solution.slice(0, 8);
  let counter = BigInt('0x' + hex(solution.slice(8)));
  for (;; counter = BigInt.asUintN(64, counter + 1n)) {
    const tried = cat(head, be(counter, 8));
    if (leadingZeros(hash256(challenge, digest, tried)) >= difficulty)
      return tried;
  }
}

export const writeOffer = (code, features, room) => {
  const fields = cat(u8(1), u8(1), u8(code), u64(features));
  return pad(room, u16(fields.length), fields);
};
export const writeTerms = (code, features, wallMs, descriptorHash) => {
  const fields = cat(u8(1), u8(code), u64(features), u64(wallMs),
                     descriptorHash);
  return pad(896, u16(fields.length), fields);
};

/* The terms in payload 2, if they are what was offered. */
export function readTerms(payload, offered) {
  const in_ = new Reader(payload);
  const fields = new Reader(in_.take(in_.number(2)));
  if (!areZeros(in_.rest())) throw new Error('padding is not zeros');
  const terms = { version: fields.number(1), code: fields.number(1),
    features: fields.number(8), wallMs: fields.number(8),
    descriptorHash: fields.take(32) };
  if (terms.version !== 1 || ![10, 12, 14].includes(terms.code) ||
      terms.code > offered.code ||
      (BigInt(terms.features) & ~BigInt(offered.features)) !== 0n)
    throw new Error('terms that were not offered');
  return terms;
}
