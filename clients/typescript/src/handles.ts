import type { components } from './api.js';
import type { Answered, CallOptions, Server } from './calls.js';
import { type CommandFields, Commands, type GroupCommandFields } from './commands.js';
import { RecourseError } from './errors.js';
import type { Given, Outcome, Reader, Refused, Sent } from './messages.js';

type Schemas = components['schemas'];

/** One order: a method for each command, and methods that read it. Nothing is called before a method is. */
export class OrderHandle extends Commands {
  constructor(
    private readonly server: Server,
    readonly id: string,
  ) {
    super();
  }

  /** Send a command by its name, and wait until its outcome is committed. A refusal is an outcome, and no error. */
  async send<Name extends keyof CommandFields>(
    command: Name,
    fields: CommandFields[Name] & Given,
    options: CallOptions = {},
  ): Promise<Outcome> {
    return (await this.give('commands', command, fields, options)).value as Outcome;
  }

  /** Send a command without waiting for its outcome: the order gets it also while every worker is down. */
  async signal<Name extends keyof CommandFields>(
    command: Name,
    fields: CommandFields[Name] & Given,
    options: CallOptions = {},
  ): Promise<Sent | Refused> {
    const { value } = await this.give('commands', command, fields, options, { Prefer: 'respond-async' });
    return value as Sent | Refused;
  }

  /** What a command would lead to, without doing it. */
  async preview<Name extends keyof CommandFields>(
    command: Name,
    fields: CommandFields[Name] & Pick<Given, 'by'>,
    options: CallOptions = {},
  ): Promise<Schemas['Ahead'] | Schemas['WouldBeRefused']> {
    const { value } = await this.give('previews', command, fields, options);
    return value as Schemas['Ahead'] | Schemas['WouldBeRefused'];
  }

  /** The order as a role sees it now. */
  show(as?: Reader, options: CallOptions = {}): Promise<Schemas['OrderView']> {
    return this.server.read('get', '/orders/{order_id}', { ...options, ...this.seen(as) });
  }

  /** What a role can do now, with bounds and until when, and what opens later. */
  actions(as?: Reader, options: CallOptions = {}): Promise<Schemas['Actions']> {
    return this.server.read('get', '/orders/{order_id}/actions', { ...options, ...this.seen(as) });
  }

  /** What a role was told, up to 200 notices at a time. `after` is the `id` of the last one of the page before. */
  notices(as?: Reader, page: { after?: string; limit?: number } & CallOptions = {}): Promise<Schemas['Notice'][]> {
    const { after, limit, ...options } = page;
    const { ids, query } = this.seen(as);
    return this.server.read('get', '/orders/{order_id}/notices', { ...options, ids, query: { ...query, after, limit } });
  }

  /** The record as a role may read it; `recourse record verify` verifies it offline. */
  record(as?: Reader, options: CallOptions = {}): Promise<Schemas['Export']> {
    return this.server.read('get', '/orders/{order_id}/record', { ...options, ...this.seen(as) });
  }

  /** Replace what people call the order. */
  setDisplay(display: Schemas['Display'], options: CallOptions = {}): Promise<Schemas['Display']> {
    return this.server.read('put', '/orders/{order_id}/display', { ...options, ids: this.ids, body: display });
  }

  /** The files of evidence that a role may read. */
  files(as?: Reader, options: CallOptions = {}): Promise<Schemas['KeptFile'][]> {
    return this.server.read('get', '/orders/{order_id}/files', { ...options, ...this.seen(as) });
  }

  /** Upload a file. Then name its `address` in `addEvidence` within a day, or else it is deleted. */
  async upload(
    name: string,
    file: Blob | Uint8Array<ArrayBuffer>,
    { by, sha256, ...options }: Pick<Given, 'by'> & { sha256?: string } & CallOptions = {},
  ): Promise<Schemas['KeptFile']> {
    const query = { name, sha256, as: by };
    const headers = { 'Content-Type': 'application/octet-stream' };
    const { value } = await this.server.send('post', this.path('files'), { ...options, query, file, headers });
    return value as Schemas['KeptFile'];
  }

  /** Get an address to which a large file can be put past the server. Then call `fileArrived`. */
  announceFile(
    file: Schemas['FileToCome'],
    { by, ...options }: Pick<Given, 'by'> & CallOptions = {},
  ): Promise<Schemas['UploadTo']> {
    const parts = { ids: this.ids, query: { as: by }, body: file };
    return this.server.read('post', '/orders/{order_id}/files/uploads', { ...options, ...parts });
  }

  /** Say that a file was put to its address. The server checks it. */
  fileArrived(fileId: string, { by, ...options }: Pick<Given, 'by'> & CallOptions = {}): Promise<Schemas['KeptFile']> {
    const parts = { ids: { ...this.ids, file_id: fileId }, query: { as: by } };
    return this.server.read('post', '/orders/{order_id}/files/{file_id}/arrived', { ...options, ...parts });
  }

  /** The content of a file. */
  async download(fileId: string, as?: Reader, options: CallOptions = {}): Promise<Blob> {
    const path = this.path('files', fileId);
    const { value } = await this.server.send('get', path, { ...options, query: { as } }, (response) => response.blob());
    return value as Blob;
  }

  private get ids() {
    return { order_id: this.id };
  }

  private seen(as: Reader | undefined) {
    return { ids: this.ids, query: { as } };
  }

  private path(...parts: string[]): string {
    return ['/orders', ...[this.id, ...parts].map(encodeURIComponent)].join('/');
  }

  private give(
    kind: 'commands' | 'previews',
    command: keyof CommandFields,
    fields: object,
    options: CallOptions,
    headers: Record<string, string> = {},
  ): Promise<Answered> {
    return giving(this.server, this.path(kind, command), fields, options, headers);
  }
}

/** The orders of a group. */
export class GroupHandle {
  constructor(
    private readonly server: Server,
    readonly id: string,
  ) {}

  /** Send a command to each order of the group under one id; the outcomes, by the orders' parts. */
  async send<Name extends keyof GroupCommandFields>(
    command: Name,
    fields: GroupCommandFields[Name] & Given,
    options: CallOptions = {},
  ): Promise<Outcome[]> {
    const path = `/groups/${encodeURIComponent(this.id)}/commands/${command}`;
    const { value } = await giving(this.server, path, fields, options);
    const answer = value as { outcomes: Outcome[] } | Refused;
    if ('outcomes' in answer) return answer.outcomes;
    // No order can read it.
    const { code, message, details, command_id: commandId } = answer;
    throw new RecourseError(code, message, { details, commandId });
  }

  /** The group as a role sees it now. */
  show(as?: Reader, options: CallOptions = {}): Promise<Schemas['GroupView']> {
    return this.server.read('get', '/groups/{group}', { ...options, ids: { group: this.id }, query: { as } });
  }
}

function giving(
  server: Server,
  path: string,
  fields: object,
  options: CallOptions,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const { by: as, command_id: commandId = crypto.randomUUID(), length, ...others } = fields as Given & { length?: string };
  // `by` is the actor of every method, so this field has another name here.
  const body = length === undefined ? others : { ...others, by: length };
  return server.send('post', path, { ...options, query: { as }, body, headers, commandId });
}
