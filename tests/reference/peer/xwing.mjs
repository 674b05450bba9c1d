/* X-Wing (draft-connolly-cfrg-xwing-kem), and HPKE (RFC 9180) in base mode with
 * it: what PROTOCOL.md section 4.3 seals parcels with.
 */
import { be, cat, empty, u8, utf8 } from './bytes.mjs';
import { chacha20poly1305, Decaps, DH, dhPublic, Encaps, hkdfExpand,
  hkdfExtract, KeyGen, sha256, sha3_256, shake256 } from './crypto.mjs';

const combine = (ssM, ssX, ctX, pkX) =>
  sha3_256(cat(ssM, ssX, ctX, pkX, utf8('\\.//^\\')));

export function xwingKeys(sk) {
  const seeds = shake256(sk, { dkLen: 96 });
  const kem = KeyGen(seeds.slice(0, 64)), x = seeds.slice(64);
  const pkX = dhPublic(x);
  return { pk: cat(kem.publicKey, pkX), m: kem.secretKey, x, pkX };
}

export function xwingEncaps(pk, seed) {
  const pkX = pk.slice(1184), ephemeral = seed.slice(32);
  const { ct, ss } = Encaps(pk.slice(0, 1184), seed.slice(0, 32));
  const ctX = dhPublic(ephemeral);
  return { ct: cat(ct, ctX), ss: combine(ss, DH(ephemeral, pkX), ctX, pkX) };
}

export function xwingDecaps(keys, ct) {
  const ctX = ct.slice(1088);
  return combine(Decaps(keys.m, ct.slice(0, 1088)), DH(keys.x, ctX), ctX,
                 keys.pkX);
}

const suite = cat(utf8('HPKE'), be(0x647a, 2), be(1, 2), be(3, 2));
const extract = (salt, label, ikm) => hkdfExtract(sha256,
  cat(utf8('HPKE-v1'), suite, utf8(label), ikm), salt);
const expand = (prk, label, info, len) => hkdfExpand(sha256, prk,
  cat(be(len, 2), utf8('HPKE-v1'), suite, utf8(label), info), len);

/* One message is sealed: the sequence number stays 0. */
export function setupBaseS(pk, info, seed) {
  const { ct, ss } = xwingEncaps(pk, seed);
  const context = cat(u8(0), extract(empty, 'psk_id_hash', empty),
                      extract(empty, 'info_hash', info));
  const secret = extract(ss, 'secret', empty);
  const key = expand(secret, 'key', context, 32);
  const nonce = expand(secret, 'base_nonce', context, 12);
  const exporter = expand(secret, 'exp', context, 32);
  return {
    enc: ct,
    seal: (aad, plain) => chacha20poly1305(key, nonce, aad).encrypt(plain),
    exportKey: (label, len) => expand(exporter, 'sec', utf8(label), len),
  };
}
