/* Noise, revision 34, with the tokens e1 and ekem1 of PROTOCOL.md section 1.1:
 * one end of a handshake, and the ciphers that come of it.
 */
import { be, cat, empty, pad, Reader, u8, utf8 } from './bytes.mjs';
import { blake2b, chacha20poly1305, Decaps, DH, dhPublic, Encaps, hmac, KeyGen,
  random, sha256 } from './crypto.mjs';

const hashes = {
  SHA256: { len: 32, hash: sha256, hmac: (k, d) => hmac(sha256, k, d) },
  BLAKE2b: { len: 64, hash: (d) => blake2b(d),
             hmac: (k, d) => hmac(blake2b, k, d) },
};

export class CipherState {
  constructor(key) {
    this.key = key;
    this.n = 0;
  }
  aead(n, ad) {
    const nonce = cat(new Uint8Array(4), be(n, 8).reverse());
    return chacha20poly1305(this.key, nonce, ad);
  }
  encrypt(ad, plain) {
    return this.aead(this.n++, ad).encrypt(plain);
  }
  /* Throws where it does not verify. */
  decrypt(ad, sealed) {
    return this.aead(this.n++, ad).decrypt(sealed);
  }
  rekey() {
    this.key = this.aead(2n ** 64n - 1n, empty).encrypt(new Uint8Array(32))
      .slice(0, 32);
  }
}

class SymmetricState {
  constructor(hashName, protocolName) {
    this.f = hashes[hashName];
    const name = utf8(protocolName);
    this.h = name.length <= this.f.len ? pad(this.f.len, name)
                                       : this.f.hash(name);
    this.ck = this.h;
    this.cipher = null;
  }
  hkdf(ikm) {
    const temp = this.f.hmac(this.ck, ikm);
    const one = this.f.hmac(temp, u8(1));
    return [one, this.f.hmac(temp, cat(one, u8(2)))];
  }
  mixKey(ikm) {
    const [ck, key] = this.hkdf(ikm);
    this.ck = ck;
    this.cipher = new CipherState(key.slice(0, 32));
  }
  mixHash(data) {
    this.h = this.f.hash(cat(this.h, data));
  }
  encryptAndHash(plain) {
    const out = this.cipher ? this.cipher.encrypt(this.h, plain) : plain;
    this.mixHash(out);
    return out;
  }
  decryptAndHash(sealed) {
    const out = this.cipher ? this.cipher.decrypt(this.h, sealed) : sealed;
    this.mixHash(sealed);
    return out;
  }
}

const patterns = {
  NKhfs: [['e', 'es', 'e1'], ['e', 'ee', 'ekem1']],
  IKhfs: [['e', 'es', 'e1', 's', 'ss'], ['e', 'ee', 'ekem1', 'se']],
};

/* One end. `s` is its own static secret, `rs` the other's public key, where it
 * has them; `fresh` may give what else is drawn: e, kemSeed, m. */
export class Handshake {
  constructor({ pattern, hash = 'SHA256', initiator, prologue, s, rs,
                fresh = {} }) {
    this.name = `Noise_${pattern}_25519+MLKEM768_ChaChaPoly_${hash}`;
    this.messages = [...patterns[pattern]];
    this.initiator = initiator;
    this.own = { s };
    this.peer = { s: rs };
    this.fresh = { e: fresh.e ?? random(32), m: fresh.m ?? random(32),
                   kemSeed: fresh.kemSeed ?? random(64) };
    this.state = new SymmetricState(hash, this.name);
    this.state.mixHash(prologue);
    this.state.mixHash(initiator ? rs : dhPublic(s)); /* <- s */
  }
  get h() {
    return this.state.h;
  }
  /* The first letter names the initiator's key, the second the responder's. */
  dh([first, second]) {
    const [own, peer] = this.initiator ? [first, second] : [second, first];
    this.state.mixKey(DH(this.own[own], this.peer[peer]));
  }
  write(payload) {
    const s = this.state;
    let out = empty;
    for (const token of this.messages.shift()) {
      if (token === 'e') {
        this.own.e = this.fresh.e;
        const pk = dhPublic(this.own.e);
        s.mixHash(pk);
        out = cat(out, pk);
      } else if (token === 's') {
        out = cat(out, s.encryptAndHash(dhPublic(this.own.s)));
      } else if (token === 'e1') {
        this.kem = KeyGen(this.fresh.kemSeed);
        out = cat(out, s.encryptAndHash(this.kem.publicKey));
      } else if (token === 'ekem1') {
        const { ct, ss } = Encaps(this.peer.e1, this.fresh.m);
        out = cat(out, s.encryptAndHash(ct));
        s.mixKey(ss);
      } else {
        this.dh(token);
      }
    }
    return cat(out, s.encryptAndHash(payload));
  }
  /* The payload; throws where anything does not verify. */
  read(message) {
    const s = this.state, in_ = new Reader(message);
    for (const token of this.messages.shift()) {
      if (token === 'e') {
        this.peer.e = in_.take(32);
        s.mixHash(this.peer.e);
      } else if (token === 's') {
        this.peer.s = s.decryptAndHash(in_.take(32 + 16));
      } else if (token === 'e1') {
        this.peer.e1 = s.decryptAndHash(in_.take(1184 + 16));
      } else if (token === 'ekem1') {
        s.mixKey(Decaps(this.kem.secretKey,
                        s.decryptAndHash(in_.take(1088 + 16))));
      } else {
        this.dh(token);
      }
    }
    return s.decryptAndHash(in_.rest());
  }
  /* What this end sends with, and what it receives with. */
  split() {
    const both = this.state.hkdf(empty).map((key) =>
      new CipherState(key.slice(0, 32)));
    return this.initiator ? both : both.reverse();
  }
}
