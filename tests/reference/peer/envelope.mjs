/* Envelopes: PROTOCOL.md section 5. */
import { areZeros, cat, pad, Reader, u16, utf8 } from './bytes.mjs';
import { Open, Seal } from './crypto.mjs';
import { envelopeSizes } from './frames.mjs';

export const XS = 0, S = 1;

const ad = (sendId) => cat(utf8('postern/envelope/1'), sendId);

export function sealEnvelope(key, sendId, least, inner, tape) {
  const nonce = tape.draw(24);
  const size = envelopeSizes.slice(least).find((c) => inner.length <= c - 42);
  return cat(nonce, Seal(key, nonce, ad(sendId),
                         pad(size - 40, u16(inner.length), inner)));
}

/* What is inside; throws where it does not open. */
export function openEnvelope(key, sendId, envelope) {
  const plain = Open(key, envelope.slice(0, 24), ad(sendId),
                     envelope.slice(24));
  if (!plain || !envelopeSizes.includes(envelope.length))
    throw new Error('not an envelope of this queue');
  const in_ = new Reader(plain), inner = in_.take(in_.number(2));
  if (inner.length === 0 || !areZeros(in_.rest()))
    throw new Error('another padding');
  return inner;
}
