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
import { hex } from './peer/bytes.mjs';
import { isReduced, mlkem } from './peer/crypto.mjs';
import { xwingDecaps, xwingEncaps, xwingKeys } from './peer/xwing.mjs';

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
