import type { components } from './api.js';
import type { NoticeName } from './commands.js';
import { BadSignature } from './errors.js';

/** A notice, as a webhook brings it. Its id is the header `webhook-id`: drop what you have taken already. */
export type Webhook = Omit<components['schemas']['WebhookBody'], 'type'> & {
  /** What has happened. Ignore those that you do not know. */
  type: NoticeName;
};

const TOLERANCE = 5 * 60; // seconds
const PREFIX = 'whsec_';

/**
 * The notice of a webhook that is genuine and at most five minutes old. Rejects with BadSignature.
 *
 * `secrets`: one or several, `whsec_…`; a webhook that is signed with any of them is genuine. `body`: as it came, before
 * anything parsed it.
 */
export async function verifyWebhook(
  secrets: string | readonly string[],
  headers: Headers | Readonly<Record<string, string | string[] | undefined>>,
  body: string | Uint8Array,
): Promise<Webhook> {
  const named = (name: string): string => {
    const value = headers instanceof Headers ? headers.get(name) : headers[name];
    if (typeof value !== 'string' || value === '') throw new BadSignature(`The header ${name} is missing.`);
    return value;
  };
  const [id, sentAt, signatures] = [named('webhook-id'), named('webhook-timestamp'), named('webhook-signature')];
  if (!/^\d+$/.test(sentAt) || Math.abs(Date.now() / 1000 - Number(sentAt)) > TOLERANCE) {
    throw new BadSignature('The webhook is too old, or its time is wrong.');
  }
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body);
  const signed = new TextEncoder().encode(`${id}.${sentAt}.${text}`);
  const given = signatures.split(' ').filter((signature) => signature.startsWith('v1,'));
  for (const secret of typeof secrets === 'string' ? secrets.trim().split(/\s+/) : secrets) {
    const key = await keyOf(secret);
    for (const signature of given) {
      const bytes = fromBase64(signature.slice('v1,'.length));
      if (bytes && (await crypto.subtle.verify('HMAC', key, bytes, signed))) return JSON.parse(text) as Webhook;
    }
  }
  throw new BadSignature('The signature is that of another secret or another body.');
}

async function keyOf(secret: string): Promise<CryptoKey> {
  const bytes = fromBase64(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret);
  if (!bytes?.length) throw new TypeError(`A secret of webhooks is ${PREFIX} and base64.`);
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}
