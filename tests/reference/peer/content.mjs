/* What people write to each other: PROTOCOL.md section 6.6. */
import { addressText, readAddress } from './address.mjs';
import { utf8 } from './bytes.mjs';
import { readText } from './bundle.mjs';
import { bytes, decode, encode, fixed64, message, uint } from './proto2.mjs';

const ENVELOPE = 65046;
const ids = { ...bytes(16, 512 * 16), ok: (v) => v.length % 16 === 0 &&
  v.length >= 16 && v.length <= 512 * 16 };
const table = {
  id: [1, bytes(16)],
  sent_ms: [2, fixed64(), 'optional'],
  text: [3, bytes(1, ENVELOPE), 'optional'],
  file: [4, message({ name: [1, bytes(1, 255)], type: [2, bytes(0, 127)],
                      bytes: [3, bytes(0, ENVELOPE)] }), 'optional'],
  receipts: [5, ids, 'optional'],
  resync: [6, message({ reason: [1, uint(1, 3)] }), 'optional'],
  queues: [7, message({ send_id: [1, bytes(32)], capability: [2, bytes(32)],
    key: [3, bytes(32)], relay: [4, bytes(1, 1024)] }), 'repeated'],
  profile: [8, message({ name: [1, bytes(1, 64)] }), 'optional'],
  size: [9, uint(1, 1), 'optional'],
};

export const encodeContent = ({ id, sentMs, text, receipts, queues, name,
                                resync, file, thin }) => encode(table, {
  id,
  sent_ms: sentMs === undefined ? undefined : BigInt(sentMs),
  text: text === undefined ? undefined : utf8(text),
  file,
  receipts: receipts?.length ? Uint8Array.from(Buffer.concat(receipts))
                             : undefined,
  resync,
  queues: queues?.map((q) => ({ send_id: q.sendId, capability: q.capability,
    key: q.key, relay: utf8(addressText(q.relay)) })),
  profile: name ? { name: utf8(name) } : undefined,
  size: thin ? 1 : undefined,
});

export function decodeContent(input) {
  const c = decode(table, input, { later: true });
  const receipts = [];
  for (let i = 0; i < (c.receipts?.length ?? 0); i += 16)
    receipts.push(c.receipts.slice(i, i + 16));
  if ((c.queues?.length ?? 0) > 3) throw new Error('too many queues');
  return { id: c.id, receipts, resync: c.resync, file: c.file,
    thin: c.size === 1, more: c.more === true,
    sentMs: c.sent_ms === undefined ? undefined : Number(c.sent_ms),
    text: c.text && new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
      .decode(c.text),
    name: c.profile && readText(c.profile.name, 1, 64),
    queues: c.queues?.map((q) => ({ sendId: q.send_id, key: q.key,
      capability: q.capability,
      relay: readAddress(Buffer.from(q.relay).toString('latin1')) })) };
}
