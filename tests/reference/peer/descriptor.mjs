/* Relay descriptors: PROTOCOL.md section 4.8. */
import { cat, equal, Reader, u32, u64, u8, utf8 } from './bytes.mjs';
import { readText } from './bundle.mjs';
import { hash256, sign, signPublic, verify } from './crypto.mjs';
import { onionId } from './parcel.mjs';

const LABEL = utf8('postern/descriptor/1');
const DAY = 24 * 3600 * 1000, HOUR = 3600 * 1000;
const COUNT_MAX = 8, SIZE_MAX = 12288;

/* `onions`: { key, from, until } each. */
export function makeDescriptor(d, seed) {
  const l = d.limits;
  const body = cat(u8(1), signPublic(seed), u64(d.sequence), u64(d.from),
    u64(d.until), u64(d.features), u8(l.largest), u8(l.ttlDays),
    u8(l.forwardDays), u8(l.access), u32(l.queueCount), u32(l.queueBytes),
    d.operator, u8(utf8(d.label).length), utf8(d.label), u8(d.addresses.length),
    ...d.addresses.map((a) => cat(u8(a.carrier), u8(a.text.length),
                                  utf8(a.text))),
    u8(d.onions.length),
    ...d.onions.map((o) => cat(o.key, u64(o.from), u64(o.until))));
  return cat(body, sign(seed, LABEL, body));
}

export const descriptorHash = (bytes) => hash256(bytes);

const within = (value, least, most) => value >= least && value <= most;
const lasts = ({ from, until }, days) =>
  until > from && until - from <= days * DAY;

/* That of the relay whose key was asked for; throws if it is none. */
export function readDescriptor(bytes, relayKey, now) {
  const in_ = new Reader(bytes);
  const version = in_.number(1), key = in_.take(32);
  const d = { sequence: in_.number(8), from: in_.number(8),
    until: in_.number(8), features: in_.number(8), limits: {
      largest: in_.number(1), ttlDays: in_.number(1), forwardDays: in_.number(1),
      access: in_.number(1), queueCount: in_.number(4),
      queueBytes: in_.number(4) }, operator: in_.take(32) };
  d.label = readText(in_.take(in_.number(1)), 0, 64);
  const addresses = in_.number(1);
  d.addresses = Array.from({ length: addresses }, () => ({
    carrier: in_.number(1),
    text: Buffer.from(in_.take(in_.number(1))).toString('latin1') }));
  const onions = in_.number(1);
  d.onions = Array.from({ length: onions }, () => ({ key: in_.take(1216),
    from: in_.number(8), until: in_.number(8) }));
  const signature = in_.take(64), l = d.limits;
  in_.end();
  const ids = new Set(d.onions.map((o) => onionId(o.key).join()));
  const texts = new Set(d.addresses.map((a) => `${a.carrier} ${a.text}`));
  if (version !== 1 || !equal(key, relayKey) || bytes.length > SIZE_MAX ||
      addresses > COUNT_MAX || onions > COUNT_MAX || d.sequence < 1 ||
      !lasts(d, 60) || !d.onions.every((o) => lasts(o, 42)) ||
      d.onions.some((o, i) => i > 0 && o.from < d.onions[i - 1].from) ||
      ids.size !== onions || texts.size !== addresses ||
      !d.addresses.every((a) => a.carrier > 0 && /^[!-~]+$/.test(a.text)) ||
      !within(l.largest, 0, 3) || !within(l.ttlDays, 2, 90) ||
      !within(l.forwardDays, 0, 42) || !within(l.access, 1, 3) ||
      l.queueCount < 1 || l.queueBytes < 1 ||
      !verify(key, signature, LABEL, bytes.slice(0, -64)))
    throw new Error('not a descriptor of this relay');
  if (now < d.from - HOUR || now > d.until + HOUR)
    throw new Error('not a descriptor for now');
  return d;
}

/* The key to seal to: of those valid the one that began last. */
export const onionOf = (d, now) =>
  d.onions.filter((o) => now >= o.from && now < o.until).at(-1)?.key ?? null;
