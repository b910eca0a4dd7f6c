import type { components } from './api.js';
import type { RefusalCode } from './commands.js';

type Schemas = components['schemas'];

/** Whom a backend acts for. `client` and `freelancer` are the order's own. */
export type Actor = 'client' | 'freelancer' | `${'client' | 'freelancer' | 'operator' | 'system'}:${string}`;
/** Whose view a backend reads. An operator's id is needed for actions only. */
export type Reader = 'client' | 'freelancer' | 'operator' | `operator:${string}`;

/** What goes with every command. */
export interface Given {
  /** Whom a backend gives it for. Parties and operators always act as themselves. */
  by?: Actor;
  /** Your own id of the command, the same for every retry. Without it a new one is made. */
  command_id?: string;
}

export type Applied = Schemas['Applied'];
/** A command that changed nothing but the record. */
export type Refused = Omit<Schemas['Refused'], 'code'> & {
  /** Why; stable, to branch on. */
  code: RefusalCode;
};
/** What came of a command: `switch (outcome.status)`. */
export type Outcome = Applied | Refused;
export type Sent = Schemas['Sent'];
