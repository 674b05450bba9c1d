/* What a person keeps between two runs: one file, replaced as a whole. A test
 * peer's, not a product's: it is not encrypted.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync,
  writeSync } from 'node:fs';
import { hex, unhex } from './bytes.mjs';

const BYTES = '$';

export const pack = (value) => JSON.stringify(value, (key, v) =>
  v instanceof Uint8Array ? { [BYTES]: hex(v) } : v);
export const unpack = (text) => JSON.parse(text, (key, v) =>
  typeof v?.[BYTES] === 'string' ? unhex(v[BYTES]) : v);

export const load = (path) =>
  existsSync(path) ? unpack(readFileSync(path, 'utf8')) : null;

export function save(path, value) {
  const file = openSync(`${path}.new`, 'w', 0o600);
  writeSync(file, pack(value));
  fsyncSync(file);
  closeSync(file);
  renameSync(`${path}.new`, path);
}
