/* The Double Ratchet with header encryption and ML-KEM: PROTOCOL.md section
 * 6.4. A ratchet is plain data but for its methods, so that pack.mjs can keep
 * it; open() works on a copy and leaves no change unless the content opens.
 */
import { cat, empty, Reader, u32, u8, utf8 } from './bytes.mjs';
import { Decaps, DH, dhPublic, Encaps, H, HKDF, hmac, KeyGen, Open, Seal, sha256 }
  from './crypto.mjs';
import { FIRST, FULL, SHORT } from './handshake.mjs';

export const DAY = 24 * 3600 * 1000;
const headerSize = { [FIRST]: 40 + 1184, [SHORT]: 40, [FULL]: 40 + 1184 + 1088 };
const NUMBER_MAX = 2 ** 31 - 1;
const THIN_MESSAGES = 50;
const AT_ONCE = 2000, KEYS_MAX = 10000, CHAINS_MAX = 512, KEYS_MS = 90 * DAY;

function rootStep(root, dh, sender, receiver, kem) {
  const info = cat(utf8('postern/ratchet/1 step'), sender, receiver,
    kem ? H('postern/ratchet-kem/1', kem.ek, kem.ct) : empty);
  const okm = HKDF(root, cat(dh, kem ? kem.ss : empty), info, 96);
  return { root: okm.slice(0, 32), ck: okm.slice(32, 64), nhk: okm.slice(64) };
}

function chainStep(chain) {
  const mk = hmac(sha256, chain.ck, u8(1));
  chain.ck = hmac(sha256, chain.ck, u8(2));
  chain.n++;
  return mk;
}

export class Ratchet {
  constructor(state) {
    Object.assign(this, state);
  }

  static begin(handshake, profile) {
    return new Ratchet({ T: handshake.T, root: handshake.root, profile,
      previous: 0, sinceKem: 0, kemAt: 0, send: null, receive: null,
      peerDh: null, peerKem: null, dhSk: null, kemSeed: null,
      skipped: [] /* { hk, n, mk, at }, oldest first */ });
  }

  static start(handshake, bundle, profile, now, tape) {
    const r = Ratchet.begin(handshake, profile);
    r.dhSk = tape.draw(32);
    r.kemSeed = tape.draw(64);
    r.kemAt = now;
    const s = rootStep(r.root, DH(r.dhSk, bundle.signedPk), dhPublic(r.dhSk),
                       bundle.signedPk, null);
    r.root = s.root;
    r.send = { type: FIRST, hk: handshake.hkA, ck: s.ck, n: 0, kemCt: empty,
               kemPk: KeyGen(r.kemSeed).publicKey };
    r.sendNext = s.nhk;
    r.receiveNext = handshake.hkB;
    return r;
  }

  static answer(handshake, bundle, profile) {
    const r = Ratchet.begin(handshake, profile);
    r.dhSk = bundle.signedSk;
    r.receiveNext = handshake.hkA;
    r.sendNext = handshake.hkB;
    return r;
  }

  ad(type) {
    return cat(utf8('postern/ratchet/1'), u8(1), u8(type), this.T);
  }

  sendStep(now, tape) {
    this.dhSk = tape.draw(32);
    const own = dhPublic(this.dhSk);
    const due = this.profile === 'normal' || now - this.kemAt >= DAY ||
                this.sinceKem >= THIN_MESSAGES;
    let kem = null, kemPk = empty;
    if (this.peerKem && due) {
      kem = { ek: this.peerKem, ...Encaps(this.peerKem, tape.draw(32)) };
      this.kemSeed = tape.draw(64);
      kemPk = KeyGen(this.kemSeed).publicKey;
      this.peerKem = null;
      this.kemAt = now;
      this.sinceKem = 0;
    }
    const s = rootStep(this.root, DH(this.dhSk, this.peerDh), own, this.peerDh,
                       kem);
    this.root = s.root;
    this.send = { type: kem ? FULL : SHORT, hk: this.sendNext, ck: s.ck, n: 0,
                  kemPk, kemCt: kem ? kem.ct : empty };
    this.sendNext = s.nhk;
  }

  /* Who has answered cannot send before he has read. */
  get canSend() {
    return this.send !== null || this.peerDh !== null;
  }

  seal(content, now, tape) {
    if (!this.send) this.sendStep(now, tape);
    const c = this.send, nonce = tape.draw(24);
    if (c.n >= NUMBER_MAX) throw new Error('the chain is used up');
    const header = cat(dhPublic(this.dhSk), u32(this.previous), u32(c.n),
                       c.kemPk, c.kemCt);
    const sealedHeader = Seal(c.hk, nonce, this.ad(c.type), header);
    const mk = chainStep(c);
    this.sinceKem++;
    return { type: c.type, bytes: cat(nonce, sealedHeader,
      Seal(mk, nonce, cat(this.ad(c.type), sealedHeader), content)) };
  }

  setAside(upTo, now) {
    if (upTo - this.receive.n > AT_ONCE) throw new Error('too many are missing');
    while (this.receive.n < upTo) {
      const { n, hk } = this.receive;
      this.skipped.push({ hk, n, mk: chainStep(this.receive), at: now });
    }
  }

  forget(now) {
    this.skipped = this.skipped.filter((k) => now - k.at < KEYS_MS)
      .slice(-KEYS_MAX);
    const chains = new Set();
    for (let i = this.skipped.length; i-- > 0;) {
      chains.add(this.skipped[i].hk.join());
      if (chains.size > CHAINS_MAX) {
        this.skipped.splice(0, i + 1);
        break;
      }
    }
  }

  receiveStep(type, h, now) {
    if (this.receive) this.setAside(h.previous, now);
    let kem = null;
    if (type === FULL) {
      if (!this.kemSeed) throw new Error('no ML-KEM key of ours is out');
      const own = KeyGen(this.kemSeed);
      kem = { ek: own.publicKey, ct: h.kemCt,
              ss: Decaps(own.secretKey, h.kemCt) };
    }
    const s = rootStep(this.root, DH(this.dhSk, h.dh), h.dh,
                       dhPublic(this.dhSk), kem);
    this.root = s.root;
    this.receive = { type, hk: this.receiveNext, ck: s.ck, n: 0 };
    this.receiveNext = s.nhk;
    this.peerDh = h.dh;
    if (h.kemPk.length > 0) {
      this.peerKem = h.kemPk;
      this.kemAt = now;
      this.sinceKem = 0;
    }
    if (kem) this.kemSeed = null;
    this.previous = this.send ? this.send.n : 0;
    this.send = null;
    this.dhSk = null;
  }

  openHeader(hk, type, nonce, sealed) {
    const plain = Open(hk, nonce, this.ad(type), sealed);
    if (!plain) return null;
    const in_ = new Reader(plain);
    const h = { dh: in_.take(32), previous: in_.number(4), n: in_.number(4),
      kemPk: in_.take(type === SHORT ? 0 : 1184), kemCt: in_.rest() };
    if (h.n >= NUMBER_MAX || h.previous > NUMBER_MAX)
      throw new Error('a number out of bounds');
    return h;
  }

  /* On this very ratchet, which is spoiled if it throws. */
  openHere(type, bytes, now) {
    const in_ = new Reader(bytes), nonce = in_.take(24);
    const sealedHeader = in_.take(headerSize[type] + 16), sealed = in_.rest();
    const header = (hk) => this.openHeader(hk, type, nonce, sealedHeader);
    const content = (mk) => {
      const p = Open(mk, nonce, cat(this.ad(type), sealedHeader), sealed);
      if (!p) throw new Error('the content does not open');
      return p;
    };
    let h = this.receive && header(this.receive.hk);
    const isNew = !h && (h = header(this.receiveNext)) !== null;
    if (isNew || (h && h.n >= this.receive.n)) {
      if (isNew) this.receiveStep(type, h, now);
      this.setAside(h.n, now);
      this.sinceKem++;
      const out = content(chainStep(this.receive));
      this.forget(now);
      return out;
    }
    const chains = new Map();
    for (const k of this.skipped.slice().reverse()) {
      const name = k.hk.join();
      if (!chains.has(name)) chains.set(name, header(k.hk));
      if (chains.get(name)?.n !== k.n) continue;
      const out = content(k.mk);
      this.skipped = this.skipped.filter((other) => other !== k);
      return out;
    }
    throw new Error('no key opens it');
  }

  /* The content; throws if no key opens it, and then nothing has changed. */
  open(type, bytes, now) {
    const copy = new Ratchet(structuredClone({ ...this }));
    const content = copy.openHere(type, bytes, now);
    Object.assign(this, copy);
    return content;
  }
}

