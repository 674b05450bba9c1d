/* Relay addresses: PROTOCOL.md section 2.5, and their bytes in bundles, 6.2.
 */
import { cat, u8, utf8 } from './bytes.mjs';
import { base32, unbase32 } from './base32.mjs';

const shape = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]{1,253}):([1-9][0-9]{0,4})(\?[a-z0-9=&A-Z._~+/:,-]{1,512})?$/;

/* Of what follows the @. */
export function readPlace(key, text) {
  const found = shape.exec(text);
  if (!found || Number(found[2]) > 65535)
    throw new Error(`not an address: ${text}`);
  return { key, text, host: found[1].replace(/^\[|\]$/g, ''),
           port: Number(found[2]) };
}

export function readAddress(text) {
  const found = /^postern:\/\/([a-z2-7]{52})@(.*)$/.exec(text);
  if (!found) throw new Error(`not an address: ${text}`);
  return readPlace(unbase32(found[1]), found[2]);
}

export const addressText = ({ key, text }) => `postern://${base32(key)}@${text}`;
export const addressBytes = ({ key, text }) =>
  cat(key, u8(text.length), utf8(text));
export function takeAddress(in_) {
  const key = in_.take(32);
  return readPlace(key, Buffer.from(in_.take(in_.number(1))).toString('ascii'));
}
