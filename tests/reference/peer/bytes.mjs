/* Bytes, as PROTOCOL.md writes them: concatenation, big-endian numbers, texts
 * in quotation marks; and a reader that refuses what is missing or left over.
 */
export const utf8 = (text) => new TextEncoder().encode(text);
export const hex = (bytes) => Buffer.from(bytes).toString('hex');
export const unhex = (text) => Uint8Array.from(Buffer.from(text, 'hex'));
export const cat = (...parts) => Uint8Array.from(Buffer.concat(parts));
export const zeros = (len) => new Uint8Array(len);
export const empty = zeros(0);
export const equal = (a, b) => Buffer.compare(a, b) === 0;

export const be = (n, len) => {
  const out = zeros(len);
  for (let i = len, v = BigInt(n); i-- > 0; v >>= 8n) out[i] = Number(v & 255n);
  return out;
};
export const u8 = (n) => be(n, 1);
export const u16 = (n) => be(n, 2);
export const u32 = (n) => be(n, 4);
export const u64 = (n) => be(n, 8);
export const number = (bytes) => Number(BigInt('0x' + (hex(bytes) || '0')));

/* The parts, filled up with zeros. */
export const pad = (len, ...parts) => {
  const all = cat(...parts);
  if (all.length > len) throw new Error('does not fit');
  return cat(all, zeros(len - all.length));
};
export const areZeros = (bytes) => bytes.every((b) => b === 0);

export class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }
  get left() {
    return this.bytes.length - this.at;
  }
  take(len) {
    if (len > this.left) throw new Error('cut short');
    this.at += len;
    return this.bytes.slice(this.at - len, this.at);
  }
  number(len) {
    return number(this.take(len));
  }
  rest() {
    return this.take(this.left);
  }
  end() {
    if (this.left > 0) throw new Error('bytes after the end');
  }
}
