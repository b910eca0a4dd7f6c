// An order from TypeScript: start it, ask to cancel, accept, read where it stands.
//   recourse policy payload resolution_center > policy.json
//   npm install && npm start -- 1001 policy.json
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Client, Connection, WorkflowExecutionAlreadyStartedError, type WorkflowHandle } from '@temporalio/client';

type Actor = { role: 'client' | 'freelancer' | 'operator'; id: string };

interface Outcome {
  status: 'applied' | 'refused';
  repeated?: boolean;
  code?: string; // of a refusal; stable, so decide by it
  message?: string; // the same in a sentence, for people
  phase?: string;
  settlement?: string;
  turn?: { who: string; until: string | null };
}

interface Page {
  phase: string;
  resolution: { how: string } | null;
  money: { client: number; freelancer: number; platform: number; held: number };
}

async function start(temporal: Client, orderId: string, policy: unknown): Promise<void> {
  const opening = {
    terms: {
      order_id: orderId,
      client: 'c-3',
      freelancer: 'f-7',
      currency: 'USD',
      price: 10000, // minor units: 100.00 USD
      service_fee: 550,
      ordered_at: new Date().toISOString(),
      delivery_time: '5d',
    },
    policy,
    record_salt: randomBytes(16).toString('hex'), // secret, another one for each order
  };
  try {
    await temporal.workflow.start('Order', {
      workflowId: `order-${orderId}`,
      taskQueue: process.env.RECOURSE_TASK_QUEUE ?? 'recourse',
      workflowIdReusePolicy: 'REJECT_DUPLICATE', // an order id is never used again
      args: [opening],
    });
    console.log('The order has started.');
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    console.log('The order had started before.');
  }
}

// Sending the same command_id again is always safe: it gets the first answer and changes nothing.
async function give(order: WorkflowHandle, command: string, actor: Actor, id: string, fields = {}): Promise<Outcome> {
  const payload = { actor, command_id: id, ...fields };
  const limit = Date.now() + 60_000; // without a worker it would wait for ever; then send the same again
  const outcome = await connection.withDeadline(limit, () =>
    order.executeUpdate<Outcome, [object]>(command, { args: [payload] }),
  );
  const answer = outcome.status === 'applied' ? `applied, ${outcome.phase}` : `refused, ${outcome.code}`;
  console.log(`${command} by the ${actor.role}: ${answer}${outcome.repeated ? ' (repeated)' : ''}`);
  return outcome;
}

const [orderId, policyFile] = process.argv.slice(2);
if (!orderId || !policyFile) throw new Error('usage: npm start -- ORDER_ID POLICY_JSON');
const connection = await Connection.connect({ address: process.env.TEMPORAL_ADDRESS ?? 'localhost:7233' });
const temporal = new Client({ connection });
const client: Actor = { role: 'client', id: 'c-3' };
const freelancer: Actor = { role: 'freelancer', id: 'f-7' };

await start(temporal, orderId, JSON.parse(readFileSync(policyFile, 'utf8')));
const order = temporal.workflow.getHandle(`order-${orderId}`);

const cancel = { kind: 'cancel', comment: 'We stopped the campaign.' };
await give(order, 'request', client, 'web-1', cancel);
await give(order, 'request', client, 'web-1', cancel);
await give(order, 'accept', client, 'web-2'); // nobody accepts their own request
const last = await give(order, 'accept', freelancer, 'app-1');

const page = await order.query<Page>('page');
console.log(`The order is ${page.phase} (${page.resolution?.how}), its money ${last.settlement}.`);
console.log(`client ${page.money.client}, freelancer ${page.money.freelancer}, platform ${page.money.platform}`);
await connection.close();
