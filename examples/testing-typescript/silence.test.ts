// 48 hours of silence in a test, over HTTP. A sandbox (`recourse dev`) prints the two variables.
//   npm install && npm test
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

const { RECOURSE_SANDBOX: sandbox, RECOURSE_TOKEN: token } = process.env;
if (!sandbox || !token) throw new Error('RECOURSE_SANDBOX and RECOURSE_TOKEN are not set; `recourse dev` prints them');

interface Outcome {
  at: string; // by the order's own clock
}

interface Order {
  phase: string;
  closed_at: string | null;
  settlement: string;
  money: { client: number };
}

async function call<Answer>(method: 'GET' | 'POST', path: string, body?: object): Promise<Answer> {
  const response = await fetch(`${sandbox}${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const answer = await response.json();
  assert.ok(response.ok, JSON.stringify(answer));
  return answer as Answer;
}

test('a freelancer who says nothing for 48 hours has agreed', async () => {
  const id = randomUUID();
  const terms = {
    order_id: id,
    client: 'c-3',
    freelancer: 'f-7',
    currency: 'USD',
    price: 10000, // minor units: 100.00 USD
    service_fee: 550,
    ordered_at: new Date().toISOString(),
    delivery_time: '5d',
  };
  await call('POST', '/orders', { terms });
  const asked = await call<Outcome>('POST', `/orders/${id}/commands/request?as=client`, { kind: 'cancel' });

  await call('POST', `/sandbox/orders/${id}/clock`, { advance: '47h' });
  assert.equal((await call<Order>('GET', `/orders/${id}`)).phase, 'in_progress');

  await call('POST', `/sandbox/orders/${id}/clock`, { advance: '1h' });
  const order = await call<Order>('GET', `/orders/${id}`);
  assert.equal(order.phase, 'canceled');
  assert.equal(Date.parse(order.closed_at ?? '') - Date.parse(asked.at), 48 * 3600 * 1000);
  assert.equal(order.money.client, 10550);
});
