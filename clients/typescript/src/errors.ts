import type { ProblemCode, RefusalCode } from './commands.js';

/** What an error says, beyond its sentence. */
export interface ErrorFacts {
  /** The HTTP status; undefined where no answer came. */
  status?: number | undefined;
  /** What helps, by the code. */
  details?: Readonly<Record<string, unknown>>;
  /** The id of the call, as the server's log has it. */
  requestId?: string | undefined;
  /** Of a command: its id. Send it again with this id. */
  commandId?: string | undefined;
  cause?: unknown;
}

/**
 * A call that failed. Branch on the `code`: docs/errors.md has those of the API. Two more come from the client:
 * `unreadable_answer`, and `http_error` of a program between the client and the server. `no_answer`: it is unknown
 * whether the call was done; the same call again is safe.
 */
export class RecourseError extends Error {
  override readonly name = 'RecourseError';
  readonly status: number | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly requestId: string | undefined;
  readonly commandId: string | undefined;

  constructor(
    readonly code: ProblemCode | RefusalCode,
    message: string,
    facts: ErrorFacts = {},
  ) {
    super(message, facts.cause === undefined ? {} : { cause: facts.cause });
    this.status = facts.status;
    this.details = facts.details ?? {};
    this.requestId = facts.requestId;
    this.commandId = facts.commandId;
  }
}

/** A webhook that does not come from whom it names, was changed on its way, or is older than five minutes. */
export class BadSignature extends Error {
  override readonly name = 'BadSignature';
}
