/* RFC 4648 section 6 in lower case, without padding: only one spelling reads.
 */
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';

export function base32(bytes) {
  let bits = '';
  for (const b of bytes) bits += b.toString(2).padStart(8, '0');
  while (bits.length % 5 !== 0) bits += '0';
  return bits.replace(/.{5}/g, (five) => alphabet[parseInt(five, 2)]);
}

export function unbase32(text) {
  let bits = '';
  for (const c of text) {
    const value = alphabet.indexOf(c);
    if (value < 0) throw new Error('not base32');
    bits += value.toString(2).padStart(5, '0');
  }
  const bytes = Uint8Array.from(bits.match(/.{8}/g) ?? [],
                                (eight) => parseInt(eight, 2));
  if (base32(bytes) !== text) throw new Error('another spelling');
  return bytes;
}
