// The backend of a small shop: it places orders, takes webhooks, follows changes, and books the money.
//   npm install && npm run build
//   RECOURSE_TOKEN=$(recourse token service:shop) RECOURSE_WEBHOOK_SECRET=whsec_... npm start
// RECOURSE_API is where `recourse serve` is (http://localhost:8000), SHOP_BOOKS the file of the shop's books (books.json),
// and PORT where the shop listens (9000). The shop's own API is this:
//   POST /orders              {"id": "1001", "buyer": "c-3", "seller": "f-7", "title": "A logo", "price": 10000}
//   GET  /orders/1001         what the shop knows
//   GET  /orders/1001/page?for=c-3    sends the buyer or the seller to the order's page
//   POST /orders/1001/cancel  {"buyer": "c-3", "click": "web-1"}
//   POST /notices             the webhooks of Recourse
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { BadSignature, Recourse, RecourseError, verifyWebhook } from 'recourse-client';

interface Order {
  id: string;
  buyer: string;
  seller: string;
  title: string;
  price: number; // in cents
  placed_at: string;
  phase: string | null;
  refunded: number | null;
  earned: number | null;
}

/** The shop's books. In earnest they are a database; here each change of them replaces a file, as a transaction would. */
class Books {
  orders: Record<string, Order> = {};
  notices: Record<string, string> = {};
  cursor = 'start';

  constructor(private readonly path: string) {
    if (existsSync(path)) Object.assign(this, JSON.parse(readFileSync(path, 'utf8')));
  }

  write(change: (books: Books) => void): void {
    change(this);
    const { orders, notices, cursor } = this;
    writeFileSync(`${this.path}.new`, JSON.stringify({ orders, notices, cursor }));
    renameSync(`${this.path}.new`, this.path);
  }
}

const { RECOURSE_API = 'http://localhost:8000', RECOURSE_TOKEN = '', RECOURSE_WEBHOOK_SECRET = '' } = process.env;
const { SHOP_BOOKS = 'books.json', PORT = '9000' } = process.env;
const recourse = new Recourse(RECOURSE_API, RECOURSE_TOKEN);
const books = new Books(SHOP_BOOKS);

/** Place an order. The buyer has paid; doing it again changes nothing. */
async function place(given: Partial<Order>): Promise<void> {
  const { id, buyer, seller, title, price } = given;
  if (!id || !buyer || !seller || !title || !price) throw new SyntaxError('id, buyer, seller, title and price are needed');
  const placed = { id, buyer, seller, title, price, placed_at: new Date().toISOString() };
  books.write(({ orders }) => (orders[id] ??= { ...placed, phase: null, refunded: null, earned: null }));
  // What stands in the books counts, also when the server was away and this is the second try.
  await start(known(id));
}

/** Start an order of the books in Recourse; a second start of the same order changes nothing. */
async function start({ id, buyer, seller, title, price, placed_at }: Order): Promise<void> {
  await recourse.start({
    terms: {
      order_id: id,
      client: buyer,
      freelancer: seller,
      currency: 'USD',
      price,
      ordered_at: placed_at,
      delivery_time: '5d',
    },
    policy: 'resolution_center',
    display: { title },
  });
}

/** Ask to cancel. `click` names what the buyer did: sent twice, it counts once. */
async function cancel(id: string, { buyer, click }: { buyer: string; click: string }): Promise<object> {
  const fields = { kind: 'cancel', comment: 'No longer needed.' } as const;
  const outcome = await recourse.order(id).request({ ...fields, by: `client:${buyer}`, command_id: click });
  return outcome.status === 'applied' ? { asked: true } : { asked: false, why: outcome.message };
}

/** A link that signs the buyer or the seller in to the order's page. */
async function page(id: string, person: string | null): Promise<string> {
  const { buyer, seller } = known(id);
  const who = person === buyer ? ({ role: 'client', id: buyer } as const) : ({ role: 'freelancer', id: seller } as const);
  return (await recourse.link({ ...who, order_id: id })).url;
}

/** Take a webhook: keep it once, whatever happens to the answer. */
async function take(body: string, headers: IncomingMessage['headers']): Promise<void> {
  const { type, data } = await verifyWebhook(RECOURSE_WEBHOOK_SECRET, headers, body);
  books.write(({ notices }) => (notices[String(headers['webhook-id'])] = type));
  console.log(`Order ${data.order_id}: the ${data.to} was told ${type}`);
}

/** Book every change, from the place where the books are. */
async function follow(): Promise<never> {
  for await (const { order_id: id, cursor } of recourse.changes(books.cursor, { patience: Infinity })) {
    const { phase, settlement, money } = await recourse.order(id).show('operator', { patience: Infinity });
    const settled = settlement === 'settled';
    // What the order is now and the place of the change are written together: so none is missed or doubled.
    books.write((all) => {
      const order = all.orders[id];
      const paid = settled ? { refunded: money.client, earned: money.freelancer } : {};
      if (order) Object.assign(order, { phase, ...paid });
      all.cursor = cursor;
    });
    console.log(`Order ${id}: ${phase}, ${settlement}`);
  }
  throw new Error('changes never end');
}

function known(id: string): Order {
  const order = books.orders[id];
  if (!order) throw new SyntaxError(`there is no order ${id}`);
  return order;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://shop.invalid');
  const [, what, id = '', more] = url.pathname.split('/');
  const body = await text(request); // as it came: a signature is over these bytes
  const send = (status: number, value: unknown) => response.writeHead(status).end(JSON.stringify(value));
  try {
    switch (`${request.method} ${what}${id && '/ID'}${more ? `/${more}` : ''}`) {
      case 'POST notices':
        await take(body, request.headers);
        return void send(200, 'Taken.');
      case 'POST orders':
        await place(JSON.parse(body));
        return void send(201, 'Placed.');
      case 'POST orders/ID/cancel':
        return void send(200, await cancel(id, JSON.parse(body)));
      case 'GET orders/ID':
        return void send(200, [known(id)]);
      case 'GET orders/ID/page':
        return void response.writeHead(303, { Location: await page(id, url.searchParams.get('for')) }).end();
      default:
        return void send(404, 'There is nothing here.');
    }
  } catch (error) {
    if (error instanceof BadSignature) send(401, error.message);
    else if (error instanceof SyntaxError) send(400, error.message);
    else if (error instanceof RecourseError) send(error.status === 422 ? 400 : 503, error.message);
    else send(500, 'Something is wrong on our side.');
  }
}

createServer(answer).listen(Number(PORT), '127.0.0.1', () => console.log(`The shop listens on port ${PORT}.`));
// What the books have and Recourse may not have got, such as after a crash between the two.
for (const order of Object.values(books.orders)) if (order.phase === null) await start(order);
await follow();
