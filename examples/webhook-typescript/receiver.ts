// Receives notices in TypeScript, and takes only genuine ones.
//   npm install && RECOURSE_WEBHOOK_SECRET=whsec_... npm start
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';

interface Notice {
  type: string; // such as request_opened; take no notice of those that you don't know
  timestamp: string;
  data: { to: 'client' | 'freelancer' | 'operator'; order_id: string; deadline: string | null; answers: string[] };
}

const webhook = new Webhook(process.env.RECOURSE_WEBHOOK_SECRET ?? '');
const taken = new Set<string>(); // in earnest: a unique column of your database

const server = createServer(async (request, response) => {
  try {
    const body = await text(request); // as it came: the signature is over these bytes
    const notice = webhook.verify(body, request.headers as Record<string, string>) as Notice;
    const id = String(request.headers['webhook-id']);
    if (!taken.has(id)) take(notice);
    taken.add(id); // a notice is sent again until it was answered with 2xx, so it may come twice
    response.writeHead(204).end();
  } catch (error) {
    response.writeHead(error instanceof WebhookVerificationError ? 401 : 500).end();
  }
});

function take({ type, data }: Notice): void {
  console.log(`${type} for the ${data.to} of order ${data.order_id}; may answer: ${data.answers.join(', ') || '-'}`);
}

server.listen(Number(process.env.PORT ?? 9000), '127.0.0.1', () => console.log('Listening.'));
