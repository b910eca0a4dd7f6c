/** A command as it is sent to Temporal: its actor, its id and its fields. */
export interface Message {
  actor: { role: string; id: string };
  command_id: string;
  [field: string]: unknown;
}

/**
 * The `actor_token` of a command that is sent to Temporal where RECOURSE_ACTOR_KEYS asks for one: a JWT for exactly this
 * message. Over the HTTP API commands need none.
 */
export async function actorToken(
  keyId: string,
  key: Uint8Array<ArrayBuffer>,
  orderId: string,
  command: string,
  message: Message,
): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', bytesOf(canonical(message)));
  const { role, id: sub } = message.actor;
  const body = base64url(new Uint8Array(digest));
  const claims = { aud: 'recourse-actor', role, sub, cmd: command, body, workflow: `order-${orderId}` };
  const said = [{ alg: 'HS256', kid: keyId }, claims].map((part) => base64url(bytesOf(JSON.stringify(part)))).join('.');
  const signing = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const signature = await crypto.subtle.sign('HMAC', signing, bytesOf(said));
  return `${said}.${base64url(new Uint8Array(signature))}`;
}

/** JSON as RFC 8785 has it. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, inner]) => inner !== undefined);
  fields.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${fields.map(([name, inner]) => `${JSON.stringify(name)}:${canonical(inner)}`).join()}}`;
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new TextEncoder().encode(text));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}
