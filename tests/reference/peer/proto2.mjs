/* Protocol Buffers as far as PROTOCOL.md uses them, by tables: one meaning has
 * one spelling (section 2.2), so a message is read, written again and compared.
 *
 * A table is { name: [number, type, how] }, in the order of numbers. Types:
 * [wire, check, of]; how: required, optional or repeated.
 */
import { cat, equal, Reader } from './bytes.mjs';

const VARINT = 0, FIXED64 = 1, BYTES = 2;
const fail = (why) => {
  throw new Error(why);
};

export const uint = (least, most) =>
  ({ wire: VARINT, ok: (v) => v >= least && v <= most });
export const bool = { wire: VARINT, ok: (v) => v === false || v === true,
                      isBool: true };
export const fixed64 = (least = 0n) =>
  ({ wire: FIXED64, ok: (v) => v >= least });
export const bytes = (least, most = least) =>
  ({ wire: BYTES, ok: (v) => v.length >= least && v.length <= most });
export const sized = (...sizes) =>
  ({ wire: BYTES, ok: (v) => sizes.includes(v.length) });
export const message = (table) => ({ wire: BYTES, table, ok: () => true });

function varint(n) {
  const out = [];
  for (let v = BigInt(n); ; v >>= 7n) {
    if (v < 128n) return Uint8Array.of(...out, Number(v));
    out.push(Number(v & 127n) | 128);
  }
}
function takeVarint(in_) {
  for (let shift = 0n, v = 0n; shift < 70n; shift += 7n) {
    const b = in_.number(1);
    v |= BigInt(b & 127) << shift;
    if (b < 128) return v <= 2n ** 53n ? Number(v) : fail('too large');
  }
  return fail('a number without end');
}

function encodeField([no, type], value) {
  if (!type.ok(value)) fail(`field ${no} is out of bounds`);
  const tag = varint(no * 8 + type.wire);
  if (type.wire === VARINT) return cat(tag, varint(Number(value)));
  if (type.wire === FIXED64) {
    const out = Buffer.alloc(8);
    out.writeBigUInt64LE(BigInt(value));
    return cat(tag, out);
  }
  const body = type.table ? encode(type.table, value) : value;
  return cat(tag, varint(body.length), body);
}

export function encode(table, values) {
  const parts = [];
  for (const [name, field] of Object.entries(table)) {
    const how = field[2] ?? 'required', value = values[name];
    if (how === 'repeated')
      parts.push(...(value ?? []).map((v) => encodeField(field, v)));
    else if (value !== undefined) parts.push(encodeField(field, value));
    else if (how === 'required') fail(`${name} is missing`);
  }
  return cat(...parts);
}

function takeValue(wire, in_) {
  if (wire === VARINT) return takeVarint(in_);
  if (wire === FIXED64) return Buffer.from(in_.take(8)).readBigUInt64LE();
  if (wire === BYTES) return in_.take(takeVarint(in_));
  return fail('a wire type that is not used');
}

/* With `later`, fields that the table does not know are left out and the
 * result has `more`; else they are refused, as is any other spelling. */
export function decode(table, input, { later = false } = {}) {
  const in_ = new Reader(input), out = {};
  const byNumber = new Map(Object.entries(table).map(([name, f]) =>
    [f[0], { name, type: f[1], how: f[2] ?? 'required' }]));
  while (in_.left > 0) {
    const tag = takeVarint(in_), wire = tag % 8;
    let value = takeValue(wire, in_);
    const field = byNumber.get(Math.floor(tag / 8));
    if (!field) {
      if (!later) fail('an unknown field');
      out.more = true;
      continue;
    }
    if (wire !== field.type.wire) fail(`${field.name} is of another type`);
    if (field.type.isBool) value = value === 1;
    if (field.type.table) {
      const raw = value;
      value = decode(field.type.table, raw, { later });
      if (value.more) out.more = true;
    }
    if (field.how === 'repeated') (out[field.name] ??= []).push(value);
    else if (field.name in out) fail(`${field.name} twice`);
    else out[field.name] = value;
  }
  /* Inside a part of a later version the spelling cannot be compared. */
  if (!out.more && !equal(encode(table, out), input)) fail('another spelling');
  if (out.more) encode(table, out); /* its bounds and required fields */
  return out;
}
