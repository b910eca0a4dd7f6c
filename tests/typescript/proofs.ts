// Signs a command, and says which of the given webhooks are genuine.
import { actorToken, type Message, verifyWebhook } from 'recourse-client';

const { key, message, secrets, webhooks } = JSON.parse(process.env.GIVEN ?? '') as {
  key: string;
  message: Message;
  secrets: string;
  webhooks: [Record<string, string>, string][];
};
const token = await actorToken('new', new Uint8Array(Buffer.from(key, 'hex')), '17', 'request', message);
const genuine = [];
for (const [headers, body] of webhooks) {
  genuine.push(await verifyWebhook(secrets, headers, body).then(({ type }) => type, (error) => error.name));
}
console.log(JSON.stringify({ token, genuine }));
