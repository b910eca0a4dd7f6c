import type { paths } from './api.js';
import { RecourseError } from './errors.js';

/** A token, or what gives one before each try, for tokens that expire. */
export type Token = string | (() => string | Promise<string>);

/** How a call is made. */
export interface CallOptions {
  /** Ends the call: it rejects with the signal's reason. */
  signal?: AbortSignal;
  /** For how many milliseconds the call is tried; 60 000, unless the client was made with another patience. */
  patience?: number;
}

type Path = keyof paths;
type Verb = 'get' | 'post' | 'put' | 'delete';
/** The paths that answer a verb. */
export type PathOf<V extends Verb> = { [P in Path]: paths[P][V] extends object ? P : never }[Path];
type QueryOf<C> = C extends { parameters: { query?: infer Q } } ? Exclude<Q, undefined> : never;
type BodyOf<C> = C extends { requestBody: { content: { 'application/json': infer B } } } ? B : never;
type AnswerTo<R> = R extends { content: { 'application/json': infer A } } ? A : never;
type AnswerOf<C> = C extends { responses: infer R } ? { [S in keyof R]: AnswerTo<R[S]> }[keyof R] : never;

/** What goes with a call of the API. */
export interface Parts<C> extends CallOptions {
  ids?: Record<string, string>;
  query?: { [K in keyof QueryOf<C>]?: QueryOf<C>[K] | undefined };
  body?: BodyOf<C>;
}

/** A call as it is sent. */
export interface Sending extends CallOptions {
  query?: object | undefined;
  body?: unknown;
  file?: Blob | Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
  commandId?: string;
}

/** The answer to a call: its status, and its value. */
export interface Answered {
  status: number;
  value: unknown;
}

interface Failed {
  error: RecourseError;
  /** How many milliseconds the server asks to wait; null: another try is of no use. */
  after: number | null;
}

// The call itself is good, and another try may go better.
const AGAIN = new Set([408, 429, 500, 502, 503, 504]);
// An order that waits for an operator.
const NOT_AGAIN = new Set(['order_not_running']);
const FIRST_PAUSE = 200;
const LONGEST_PAUSE = 5_000;
// One try; the server itself answers or waits for no longer.
const EACH = 30_000;

/** A server, and how it is called. */
export class Server {
  constructor(
    readonly url: string,
    private readonly token: Token,
    private readonly patience: number,
  ) {}

  async read<V extends Verb, P extends PathOf<V>>(
    verb: V,
    path: P,
    { ids = {}, ...parts }: Parts<paths[P][V]> = {},
  ): Promise<AnswerOf<paths[P][V]>> {
    const { value } = await this.send(verb, at(path, ids), parts);
    return value as AnswerOf<paths[P][V]>;
  }

  /** The answer to a call, once there is one. A refusal of a command, which has a `command_id`, is an answer too. */
  async send(verb: Verb, path: string, sending: Sending, read = readJson): Promise<Answered> {
    const requestId = crypto.randomUUID();
    const until = performance.now() + (sending.patience ?? this.patience);
    for (let tries = 0; ; tries += 1) {
      const each = Math.min(EACH, until - performance.now());
      const outcome = await this.try(verb, path, sending, requestId, each, read);
      if (!('error' in outcome)) return outcome;
      if (outcome.after === null) throw outcome.error;
      // Many that were turned away at once shall not come back at once.
      const pause = Math.min(FIRST_PAUSE * 2 ** tries, LONGEST_PAUSE) * (0.5 + Math.random() / 2);
      const wait = Math.max(pause, outcome.after);
      if (performance.now() + wait >= until) throw outcome.error;
      await pausing(wait, sending.signal);
    }
  }

  private async try(
    verb: Verb,
    path: string,
    { query = {}, body, file, headers = {}, commandId, signal }: Sending,
    requestId: string,
    each: number,
    read: (response: Response) => Promise<unknown>,
  ): Promise<Answered | Failed> {
    signal?.throwIfAborted();
    const url = new URL(this.url + path);
    for (const [key, value] of Object.entries(query)) if (value != null) url.searchParams.set(key, String(value));
    const sent: Record<string, string> = {
      ...headers,
      Authorization: `Bearer ${typeof this.token === 'string' ? this.token : await this.token()}`,
      'X-Request-Id': requestId,
    };
    if (commandId !== undefined) sent['Idempotency-Key'] = commandId;
    if (body !== undefined) sent['Content-Type'] = 'application/json';
    const late = AbortSignal.timeout(Math.max(Math.ceil(each), 1));
    const what = `${verb.toUpperCase()} ${path}`;
    try {
      const response = await fetch(url, {
        method: verb.toUpperCase(),
        headers: sent,
        body: file ?? (body === undefined ? null : JSON.stringify(body)),
        signal: signal ? AbortSignal.any([signal, late]) : late,
      });
      if (response.ok) return { status: response.status, value: await read(response) };
      return failure(response, await problemOf(response), what, { requestId, commandId });
    } catch (cause) {
      signal?.throwIfAborted();
      if (cause instanceof SyntaxError) {
        const sentence = `${what}: the answer cannot be read. Is it a server of Recourse?`;
        return { error: new RecourseError('unreadable_answer', sentence, { requestId, commandId, cause }), after: null };
      }
      const under = commandId === undefined ? '' : ` with the same command_id, ${commandId}`;
      const sentence = `${what} got no answer, so it is unknown whether it was done. Send it again${under}: it is safe.`;
      return { error: new RecourseError('no_answer', sentence, { requestId, commandId, cause }), after: 0 };
    }
  }
}

/** A path with its ids, whatever letters they have. */
function at(path: string, ids: Record<string, string>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(ids[name] ?? ''));
}

async function readJson(response: Response): Promise<unknown> {
  const text = await response.text();
  return text === '' ? undefined : JSON.parse(text);
}

/** What an answer says went wrong; a program in between may say it in another way. */
async function problemOf(response: Response): Promise<Record<string, unknown>> {
  const text = await response.text();
  try {
    const problem: unknown = JSON.parse(text);
    if (typeof problem === 'object' && problem !== null) return problem as Record<string, unknown>;
  } catch {
    // It is no JSON.
  }
  return { title: `${response.status} ${response.statusText}`.trim() };
}

function failure(
  response: Response,
  problem: Record<string, unknown>,
  what: string,
  { requestId, commandId }: { requestId: string; commandId: string | undefined },
): Answered | Failed {
  const { status } = response;
  if ((status === 409 || status === 422) && 'command_id' in problem) return { status, value: refusalIn(problem) };
  const code = typeof problem.code === 'string' ? problem.code : 'http_error';
  const sentences = [problem.title, problem.detail].filter((text) => typeof text === 'string' && text !== '');
  const error = new RecourseError(code, `${what}: ${sentences.join(' ')}`, {
    status,
    details: (problem.details ?? {}) as Record<string, unknown>,
    requestId: response.headers.get('X-Request-Id') ?? requestId,
    commandId,
  });
  const again = AGAIN.has(status) && !NOT_AGAIN.has(code);
  return { error, after: again ? askedFor(response.headers.get('Retry-After')) : null };
}

/** The outcome that a refusal's problem stands for. */
function refusalIn({ type, title, detail, status, ...outcome }: Record<string, unknown>): object {
  return { details: {}, ...outcome, status: 'refused', message: title };
}

/** How many milliseconds a server asks to wait: it says a number of seconds, or an instant. */
function askedFor(after: string | null): number {
  if (!after) return 0;
  const seconds = Number(after);
  const wait = Number.isNaN(seconds) ? Date.parse(after) - Date.now() : seconds * 1000;
  return wait > 0 ? wait : 0;
}

function pausing(wait: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, wait);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
  });
}
