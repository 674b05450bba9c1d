/* Records of one direction and the frames in them: PROTOCOL.md sections 1.5
 * and 1.6.
 */
import { areZeros, cat, empty, number, pad, u16, u32 } from './bytes.mjs';

const REKEY_EVERY = 1024;
export const MESSAGE = 0;
const MESSAGE_MAX = 131072, CONTROL_MAX = 2048;

/* The key of a direction, and how many records passed under it. */
class Direction {
  constructor(cipher, size) {
    this.cipher = cipher;
    this.size = size;
  }
  get count() {
    return this.cipher.n;
  }
  passed() {
    if (this.cipher.n % REKEY_EVERY === 0) this.cipher.rekey();
  }
}

export class RecordWriter extends Direction {
  /* The records that carry `stream`; an empty stream takes one. */
  write(stream) {
    const records = [];
    do {
      const data = stream.slice(0, this.size - 18);
      stream = stream.slice(data.length);
      records.push(this.cipher.encrypt(empty,
        pad(this.size - 16, u16(data.length), data)));
      this.passed();
    } while (stream.length > 0);
    return cat(...records);
  }
}

export class RecordReader extends Direction {
  read(record) {
    const plain = this.cipher.decrypt(empty, record);
    this.passed();
    const used = number(plain.slice(0, 2));
    if (used > this.size - 18 || !areZeros(plain.slice(2 + used)))
      throw new Error('not a record');
    return plain.slice(2, 2 + used);
  }
}

/* Kind 0 is a message, 1 to 3 are link control. */
export function frame(body, kind = MESSAGE) {
  const head = u32(body.length);
  head[0] = kind;
  return cat(head, body);
}

export class Framer {
  constructor() {
    this.have = empty;
  }
  /* The frames that the data of one record complete. */
  feed(data) {
    const out = [];
    this.have = cat(this.have, data);
    while (this.have.length >= 4) {
      const kind = this.have[0];
      const len = kind === MESSAGE ? number(this.have.slice(0, 4))
                                   : number(this.have.slice(1, 4));
      if (kind > 3 || len > (kind === MESSAGE ? MESSAGE_MAX : CONTROL_MAX) ||
          (kind === MESSAGE && len === 0))
        throw new Error('not a frame');
      if (this.have.length < 4 + len) break;
      out.push({ kind, body: this.have.slice(4, 4 + len) });
      this.have = this.have.slice(4 + len);
      if (kind !== MESSAGE && this.have.length > 0)
        throw new Error('bytes after a control frame');
    }
    return out;
  }
}
