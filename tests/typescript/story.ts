// An order through the client, past a server that fails now and then. It prints what came of each call as JSON.
import { BadSignature, Recourse, RecourseError, type Outcome, type RefusalCode, verifyWebhook } from 'recourse-client';

const { RECOURSE_API: url = '', RECOURSE_TOKEN: token = '', ORDER: id = '' } = process.env;
const said: Record<string, unknown> = {};
// Where it hangs, it says how far it came.
setTimeout(() => {
  console.error(JSON.stringify(said));
  process.exit(1);
}, 60_000).unref();

function what(outcome: Outcome): string {
  switch (outcome.status) {
    case 'applied':
      return `${outcome.phase}${outcome.repeated ? ', repeated' : ''}`;
    case 'refused': {
      const code: RefusalCode = outcome.code;
      return `${code}: ${outcome.message}`;
    }
  }
}

async function failing(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof RecourseError)) return String(error);
    const { code, status, commandId, details } = error;
    return { code, status, commandId, details, known: error.requestId !== undefined };
  }
}

const recourse = new Recourse(`${url}/`, async () => token);
const order = await recourse.start({
  terms: {
    order_id: id,
    client: 'c-1',
    freelancer: 'f-1',
    price: 10000,
    service_fee: 550,
    ordered_at: new Date().toISOString(),
    delivery_time: '5d',
    group: `of-${id}`,
    part: 1,
  },
  display: { title: 'Logo for a bakery' },
});
said.id = order.id;
const cancel = { kind: 'cancel', comment: 'We stopped.' } as const;
const seen = await order.preview('request', { ...cancel, by: 'client' });
said.preview = 'refused' in seen ? seen.refused : seen.if_accepted?.how;
said.request = what(await order.request({ ...cancel, by: 'client:c-1' }));
said.given = what(await order.giveTime({ length: '24h', by: 'client', command_id: 'web-1' }));
said.again = what(await order.giveTime({ length: '24h', by: 'client', command_id: 'web-1' }));
said.refused = what(await order.accept({ by: 'client' }));
said.turn = (await order.show('freelancer')).turn.who;
said.actions = Object.keys((await order.actions('freelancer')).actions);
const group = recourse.group(`of-${id}`);
said.group = (await group.send('message', { comment: 'We stop here.', by: 'client' })).map(what);
said.unfit = await failing(group.send('message', { comment: '', by: 'client' }));
said.parts = Object.keys((await group.show('client')).money);
said.file = await failing(order.upload('note.txt', new Uint8Array([65]), { by: 'client' }));
said.accept = what(await order.accept({ by: 'freelancer' }));
said.money = (await order.show()).money;
said.told = (await order.notices('client')).map((notice) => notice.name);
said.entries = (await order.record('client')).entries.length;
said.listed = (await recourse.list({ party: 'client:c-1', limit: 1 })).orders.map((listed) => listed.order_id);

const followed = new AbortController();
const changes = recourse.changes('start', { signal: followed.signal });
const steps = [];
let cursor = '';
for await (const change of changes) {
  if (change.order_id === id) steps.push(change.what);
  cursor = change.cursor;
  if (change.what === 'accept' && change.outcome === 'applied') break;
}
said.steps = steps;
const next = recourse.changes(cursor, { signal: followed.signal })[Symbol.asyncIterator]();
const waiting = failing(next.next());
setTimeout(() => followed.abort(new Error('enough')), 50);
said.aborted = await waiting;

const link = await recourse.link({ role: 'client', id: 'c-1', order_id: id });
said.page = (await fetch(link.url, { redirect: 'manual' })).status;
const issued = await recourse.token({ role: 'client', id: 'c-1' });
said.own = await failing(new Recourse(url, issued.token).order('o-unknown').accept());
await recourse.endSession(issued.id);
said.ended = await failing(new Recourse(url, issued.token).order(id).show());
said.unknown = await failing(recourse.changesPage('1.00000000-0000-0000-0000-000000000000'));
said.unread = what(await order.message({ comment: 'Hello', by: 'client', more: 1 } as never));
said.impatient = await failing(order.message({ comment: 'Hello', by: 'client', command_id: 'web-2' }, { patience: 200 }));
said.late = what(await order.message({ comment: 'Hello', by: 'client', command_id: 'web-3' }));
said.gone = await failing(new Recourse('http://127.0.0.1:1', token, { patience: 300 }).order(id).show());
said.forged = await verifyWebhook('whsec_c2VjcmV0', {}, '{}').catch((error) => error instanceof BadSignature);
console.log(JSON.stringify(said));
