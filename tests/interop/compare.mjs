// compare.mjs values|compare FOLDER PACKAGES
//
// `values` makes FOLDER/resident-id.in and FOLDER/uscc.in from the made-up residents of FOLDER/receiver.csv; `compare`
// reads what the data standard says of each line (.out) and asks the two packages.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const [step, folder, packages] = process.argv.slice(2);

// Specimens that standards and the immigration administration publish, and made-up ones of residence permits.
const SPECIMENS = [
  '11010519491231002X', '440524188001010014', '932682198501010017', '911124198108030024',
  '810000188501010011', '820000188501010013', '830000188501010015', '931840188501010014',
];
const USCC_SPECIMENS = ['91350100M000100Y43', '11310099MB000T018C', '91330199MA000T030Q'];
const USCC_ALPHABET = '0123456789ABCDEFGHJKLMNPQRTUWXY';

// The same draws on every machine (a linear congruential generator, its upper bits).
let state = 20_231_212n;
function draw(bound) {
  state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn;
  return Number((state >> 33n) % BigInt(bound));
}

/** `id` with one character that is wrong. */
function corrupted(id) {
  const at = draw(18);
  const other = [...(at === 17 ? '0123456789X' : '0123456789')].filter((c) => c !== id[at]);
  return id.slice(0, at) + other[draw(other.length)] + id.slice(at + 1);
}

function values() {
  const rows = readFileSync(join(folder, 'receiver.csv'), 'utf8').trim().split('\n').slice(1);
  const ids = [...rows.map((row) => row.split(',')[0]), ...SPECIMENS];
  // Each as it is, and with one wrong character.
  const residents = ids.flatMap((id) => [id, corrupted(id)]);
  const bodies = Array.from({ length: 200 }, () => {
    const digits = Array.from({ length: 4 }, () => draw(10)).join('');
    const organisation = Array.from({ length: 9 }, () => USCC_ALPHABET[draw(31)]).join('');
    return `91${31 + draw(4)}${digits}${organisation}`;
  });
  // Each body with every check character, of which one fits; but 0, which GB 32100-2015 writes for 31, stdnum 1.12
  // never takes. So a body has at most one that is accepted.
  const codes = bodies.flatMap((body) => [...USCC_ALPHABET.slice(1)].map((check) => body + check));
  writeFileSync(join(folder, 'resident-id.in'), residents.join('\n') + '\n');
  writeFileSync(join(folder, 'uscc.in'), [...USCC_SPECIMENS, ...codes].join('\n') + '\n');
}

function lines(name) {
  return readFileSync(join(folder, name), 'utf8').trimEnd().split('\n');
}

/** Counts the values on which `judge` and the data standard differ, and says how many both accept. */
function judged(type, who, judge) {
  const [written, said] = [lines(`${type}.in`), lines(`${type}.out`)];
  if (written.length !== said.length) throw new Error(`${type}: ${said.length} answers to ${written.length} values`);
  let [accepted, differing] = [0, 0];
  written.forEach((value, line) => {
    const ours = said[line].startsWith('keyed\t');
    accepted += ours;
    if (ours !== judge(value)) {
      differing += 1;
      if (differing <= 5) console.error(`${who} differs: ${type} ${value} is ${said[line]}`);
    }
  });
  console.log(`${type}: ${who} agrees on ${written.length - differing} of ${written.length} values, ${accepted} accepted`);
  return { accepted, differing, all: written.length };
}

function compare() {
  const require = createRequire(resolve(packages, 'package.json'));
  const idValidator = new (require('id-validator'))();
  const { CN } = require('stdnum').stdnum;
  const residents = [
    judged('resident-id', 'id-validator', (id) => idValidator.isValid(id)),
    judged('resident-id', 'stdnum', (id) => CN.ric.validate(id).isValid),
  ];
  const codes = judged('uscc', 'stdnum', (code) => CN.uscc.validate(code).isValid);
  const right =
    residents.every(({ accepted, differing, all }) => differing === 0 && accepted * 2 === all) &&
    codes.differing === 0 && codes.accepted > 180 && codes.accepted <= USCC_SPECIMENS.length + 200;
  if (!right) {
    console.error('the data standard and another validator differ, or not as many values were accepted as should be');
    process.exit(1);
  }
}

if (step === 'values') values();
else if (step === 'compare') compare();
else throw new Error('values or compare?');
