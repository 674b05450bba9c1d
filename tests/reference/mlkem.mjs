// Our ML-KEM-768 and X-Wing against @noble/post-quantum, which shares no code
// with it: keys from seeds, encapsulation, decapsulation of true, spoiled and
// random ciphertexts, and keys that must be refused.
//
//     node mlkem.mjs PATH/TO/mlkem_tool [CASES] [SEED]
//
// Exit 77 (skipped) when `npm ci` has not been run here. The seed is printed,
// so that a failure can be repeated.
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';

let mlkem, hybrid;
try {
  ({ ml_kem768: mlkem } = await import('@noble/post-quantum/ml-kem'));
  ({ x25519: hybrid } = await import('@noble/curves/ed25519'));
} catch {
  console.log('skipped: run `npm ci` in tests/reference first');
  process.exit(77);
}
const { sha3_256, shake256 } = await import('@noble/hashes/sha3');

const [tool, casesText = '1500', seedText] = process.argv.slice(2);
const cases = Number(casesText);
const seed = seedText ?? randomBytes(8).toString('hex');
console.log(`${cases} cases, seed ${seed}`);

// A reproducible stream of bytes: SHA-256 of the seed and a counter.
let counter = 0;
function bytes(n) {
  const parts = [];
  for (let have = 0; have < n; have += 32)
    parts.push(createHash('sha256').update(`${seed}/${counter++}`).digest());
  return new Uint8Array(Buffer.concat(parts).subarray(0, n));
}
const hex = (b) => Buffer.from(b).toString('hex');
const join = (...parts) => new Uint8Array(Buffer.concat(parts));

// X-Wing from its draft, over noble's ML-KEM and X25519.
const label = Buffer.from('\\.//^\\');
function xwingKeys(sk) {
  const s = shake256(sk, { dkLen: 96 });
  const { publicKey, secretKey } = mlkem.keygen(s.subarray(0, 64));
  const x = s.subarray(64);
  const pkX = hybrid.getPublicKey(x);
  return { pk: join(publicKey, pkX), m: secretKey, x, pkX };
}
const combine = (ssM, ssX, ctX, pkX) =>
  sha3_256(join(ssM, ssX, ctX, pkX, label));
function xwingEncaps(pk, eseed) {
  const pkX = pk.subarray(1184), e = eseed.subarray(32);
  const { cipherText, sharedSecret } =
    mlkem.encapsulate(pk.subarray(0, 1184), eseed.subarray(0, 32));
  const ctX = hybrid.getPublicKey(e);
  const ssX = hybrid.getSharedSecret(e, pkX);
  return { ct: join(cipherText, ctX),
           ss: combine(sharedSecret, ssX, ctX, pkX) };
}
function xwingDecaps(keys, ct) {
  const ctX = ct.subarray(1088);
  return combine(mlkem.decapsulate(ct.subarray(0, 1088), keys.m),
                 hybrid.getSharedSecret(keys.x, ctX), ctX, keys.pkX);
}

const questions = [], answers = [];
function ask(question, answer) {
  questions.push(question);
  answers.push(answer);
}
function spoiled(b) {
  const out = Uint8Array.from(b), [hi, lo, bit] = bytes(3);
  out[(hi * 256 + lo) % out.length] ^= 1 << (bit % 8);
  return out;
}

// FIPS 203 section 7.2: every 12-bit coefficient of ek is below q.
function isReduced(ek) {
  for (let i = 0; i < 1152; i += 3) {
    const v = ek[i] | ek[i + 1] << 8 | ek[i + 2] << 16;
    if ((v & 0xfff) >= 3329 || v >> 12 >= 3329) return false;
  }
  return true;
}

for (let i = 0; i < cases; i++) {
  const keySeed = bytes(64), m = bytes(32);
  const { publicKey: ek, secretKey: dk } = mlkem.keygen(keySeed);
  ask(`keygen ${hex(keySeed)}`, `${hex(ek)} ${hex(dk)}`);
  const { cipherText: ct, sharedSecret: ss } = mlkem.encapsulate(ek, m);
  ask(`encaps ${hex(ek)} ${hex(m)}`, `${hex(ct)} ${hex(ss)}`);
  ask(`decaps ${hex(dk)} ${hex(ct)}`, hex(ss));
  for (const forged of [spoiled(ct), bytes(1088)])
    ask(`decaps ${hex(dk)} ${hex(forged)}`,
        hex(mlkem.decapsulate(forged, dk)));
  // Noble of this version lets unreduced coefficients pass: judged here.
  const other = i % 2 ? bytes(1184) : spoiled(ek);
  let judged = 'refused';
  if (isReduced(other)) {
    const r = mlkem.encapsulate(other, m);
    judged = `${hex(r.cipherText)} ${hex(r.sharedSecret)}`;
  }
  ask(`encaps ${hex(other)} ${hex(m)}`, judged);
  if (i % 10 === 0) {
    const sk = bytes(32), eseed = bytes(64), keys = xwingKeys(sk);
    ask(`xwing-keygen ${hex(sk)}`, hex(keys.pk));
    const { ct: xct, ss: xss } = xwingEncaps(keys.pk, eseed);
    ask(`xwing-encaps ${hex(keys.pk)} ${hex(eseed)}`,
        `${hex(xct)} ${hex(xss)}`);
    ask(`xwing-decaps ${hex(sk)} ${hex(xct)}`, hex(xss));
    const forged = spoiled(xct);
    ask(`xwing-decaps ${hex(sk)} ${hex(forged)}`,
        hex(xwingDecaps(keys, forged)));
  }
}

const run = spawnSync(tool, { input: questions.join('\n') + '\n',
                              maxBuffer: 1 << 30, encoding: 'ascii' });
if (run.error || run.status !== 0) {
  console.error(`the tool failed: ${run.error ?? run.status}`);
  process.exit(1);
}
const got = run.stdout.trimEnd().split('\n');
let failed = got.length === answers.length ? 0 : 1;
if (failed) console.error(`${answers.length} questions, ${got.length} answers`);
for (let i = 0; i < answers.length; i++) {
  if (got[i] === answers[i]) continue;
  if (++failed <= 5)
    console.error(`differs: ${questions[i].slice(0, 200)}...\n` +
                  `  ours  ${String(got[i]).slice(0, 100)}...\n` +
                  `  noble ${answers[i].slice(0, 100)}...`);
}
console.log(`${answers.length} answers compared, ${failed} differ`);
process.exit(failed ? 1 : 0);
