/* A second implementation of an endpoint, for tests to drive: one JSON object
 * a line on standard input, one answer a line on standard output. It is written
 * from PROTOCOL.md and keeps its secrets in clear: never use it for anything
 * else.
 *
 *     node peer.mjs FILE
 *
 *     {"do":"create","name":"Jo","relay":"postern://..."}
 *     {"do":"invite","name":"ben"}             {"do":"accept","link":...,"name":...}
 *     {"do":"send","to":"ben","text":"hello"}  {"do":"flush"}  {"do":"receive"}
 *
 * FILE holds what the peer knows; ending the program at any time loses nothing.
 */
import { createInterface } from 'node:readline';
import { hex } from './peer/bytes.mjs';
import { Person } from './peer/person.mjs';

const [path] = process.argv.slice(2);
let person = null;

const commands = {
  create: ({ name, relay }) => {
    person = Person.create(path, name, relay);
  },
  open: () => {
    person = Person.open(path);
  },
  invite: ({ name, offline }) => person.invite(name, offline),
  revoke: ({ name }) => person.revoke(name),
  accept: async ({ link, name }) => {
    await person.accept(link, name);
  },
  send: ({ to, text }) => hex(person.send(to, { text })),
  flush: ({ reversed }) => person.flush({ isReversed: reversed }),
  receipts: () => person.receipts(),
  receive: ({ reversed, keep }) =>
    person.receive({ isReversed: reversed, isAcked: !keep }),
  contacts: () => person.state.contacts.map(({ name }) => name),
  safety: ({ name }) => person.safety(name),
  profile: ({ name, profile }) => {
    person.contact(name).profile = profile;
  },
  outbox: ({ name }) => person.contact(name).outbox.map((e) =>
    ({ id: hex(e.id), epoch: e.epoch, stored: e.isStored })),
  session: ({ name }) => {
    const c = person.contact(name), [s, ...others] = c.sessions;
    return { generation: s?.generation, others: others.length,
             telling: c.tell !== null, wish: c.thinWish };
  },
  lose: ({ name }) => person.lose(name),
  clock: ({ hours }) => {
    person.skew += hours * 3600000;
  },
  leave: () => person.leave(),
};

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const request = JSON.parse(line);
    answer = { ok: (await commands[request.do](request)) ?? null };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
await person?.leave();
