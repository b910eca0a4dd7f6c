import type { components, paths } from './api.js';
import { type CallOptions, Server, type Token } from './calls.js';
import { GroupHandle, OrderHandle } from './handles.js';

type Schemas = components['schemas'];
type Filters = NonNullable<paths['/orders']['get']['parameters']['query']>;

export type Change = Schemas['Change'];

const PATIENCE = 60_000;
// A follower asks again after so many seconds without news.
const FOLLOWING = 25;

/**
 * Orders, for a program that calls the HTTP API at `url`, such as `https://orders.example`.
 *
 * A call is tried again while no answer comes, or an answer that says to try again, for `patience` milliseconds. A
 * command keeps its id meanwhile, so it happens once. Every method rejects with a RecourseError.
 */
export class Recourse {
  private readonly server: Server;

  constructor(url: string, token: Token, { patience = PATIENCE }: { patience?: number } = {}) {
    this.server = new Server(url.replace(/\/+$/, ''), token, patience);
  }

  /** The order of this id. Nothing is called yet. */
  order(id: string): OrderHandle {
    return new OrderHandle(this.server, id);
  }

  /** The group of this id. Nothing is called yet. */
  group(id: string): GroupHandle {
    return new GroupHandle(this.server, id);
  }

  /** Start an order. Starting it again with the same terms changes nothing but its addresses and its display. */
  async start(opening: Schemas['StartOrder'], options: CallOptions = {}): Promise<OrderHandle> {
    const { order_id } = await this.server.read('post', '/orders', { ...options, body: opening });
    return this.order(order_id);
  }

  /** A page of orders. `after` is the `next` of the page before. */
  list(filters: Filters = {}, options: CallOptions = {}): Promise<Schemas['OrderList']> {
    return this.server.read('get', '/orders', { ...options, query: filters });
  }

  /**
   * Every step of every order behind a cursor, in their order, and then those to come.
   *
   * Keep the `cursor` of the last change in the transaction that keeps what you made of it, and go on from there: so
   * you miss none and take none twice. `after`: a cursor, `start`, or `now` for what is yet to come. With the patience
   * `Infinity` it outlasts every outage of the server.
   */
  async *changes(after = 'start', options: CallOptions = {}): AsyncGenerator<Change, never, void> {
    for (;;) {
      const page = await this.changesPage(after, { wait: FOLLOWING }, options);
      yield* page.changes;
      after = page.next;
    }
  }

  /** The changes behind a cursor, `start` or `now`; where there are none, wait for some for up to 30 seconds. */
  changesPage(
    after = 'start',
    { limit = 500, wait = 0 }: { limit?: number; wait?: number } = {},
    options: CallOptions = {},
  ): Promise<Schemas['Changes']> {
    return this.server.read('get', '/changes', { ...options, query: { after, limit, wait } });
  }

  /** A page of the undecided cases, those due next first. `after` is the `next` of the page before. */
  queue(page: { after?: string; limit?: number } = {}, options: CallOptions = {}): Promise<Schemas['Queue']> {
    return this.server.read('get', '/queue', { ...options, query: page });
  }

  /** A link that signs somebody in to the pages: `url` is its address under the client's own. */
  async link(of: Schemas['IssueLink'], options: CallOptions = {}): Promise<Schemas['IssuedLink'] & { url: string }> {
    const issued = await this.server.read('post', '/links', { ...options, body: of });
    return { ...issued, url: this.server.url + issued.path };
  }

  /** A token for somebody who has signed in at the marketplace, such as for an app that calls the API itself. */
  token(of: Schemas['IssueToken'], options: CallOptions = {}): Promise<Schemas['Issued']> {
    return this.server.read('post', '/tokens', { ...options, body: of });
  }

  /** A page of who is signed in. `of`: a role or a person, such as `client:c-3`. */
  sessions(
    page: { of?: string; after?: string; limit?: number } = {},
    options: CallOptions = {},
  ): Promise<Schemas['SessionList']> {
    return this.server.read('get', '/sessions', { ...options, query: page });
  }

  /** End a session: whoever holds its cookie or token is signed out at once. */
  async endSession(id: string, options: CallOptions = {}): Promise<void> {
    await this.server.read('delete', '/sessions/{session_id}', { ...options, ids: { session_id: id } });
  }
}
