/* Identities and safety numbers: PROTOCOL.md section 6.1. */
import { cat, number, utf8 } from './bytes.mjs';
import { dhPublic, H, sha512, sign, signPublic, verify } from './crypto.mjs';

const LABEL = utf8('postern/identity/1');

const named = (signPk, dhPk, bytes) => ({ signPk, dhPk, public: bytes,
  id: H('postern/identity-id/1', signPk, dhPk) });

export function makeIdentity(secret) {
  const seed = secret.slice(0, 32), dhSk = secret.slice(32, 64);
  const signPk = signPublic(seed), dhPk = dhPublic(dhSk);
  const binding = sign(seed, LABEL, signPk, dhPk);
  return { seed, dhSk, ...named(signPk, dhPk, cat(signPk, dhPk, binding)) };
}

export function readIdentity(bytes) {
  const signPk = bytes.slice(0, 32), dhPk = bytes.slice(32, 64);
  if (bytes.length !== 128 ||
      !verify(signPk, bytes.slice(64), LABEL, signPk, dhPk))
    throw new Error('the identity is not bound');
  return named(signPk, dhPk, bytes);
}

function safetyHalf(who) {
  let h = sha512(cat(utf8('postern/safety-number/1'), who.signPk, who.dhPk));
  for (let i = 0; i < 5199; i++) h = sha512(cat(h, who.signPk, who.dhPk));
  let digits = '';
  for (let i = 0; i < 6; i++)
    digits += String(number(h.slice(5 * i, 5 * i + 5)) % 100000)
      .padStart(5, '0');
  return digits;
}

export const safetyNumber = (a, b) =>
  [safetyHalf(a), safetyHalf(b)].sort().join('');
