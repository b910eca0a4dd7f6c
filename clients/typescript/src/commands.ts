// The commands of an order as methods, and the known codes. Written by `make client-typescript`: do not edit.
import type { components } from './api.js';
import type { CallOptions } from './calls.js';
import type { Given, Outcome } from './messages.js';

type Schemas = components['schemas'];
type Renamed<Body extends keyof Schemas, From extends keyof Schemas[Body], To extends string> = Omit<
  Schemas[Body],
  From
> & { [Key in To]: Schemas[Body][From] };

/** What each command takes. */
export interface CommandFields {
  submit_requirements: Schemas['SubmitRequirements'];
  deliver: Schemas['Deliver'];
  ask_revision: Schemas['AskRevision'];
  complete: Schemas['Complete'];
  request: Schemas['Request'];
  accept: Schemas['Accept'];
  decline: Schemas['Decline'];
  counter: Schemas['Counter'];
  withdraw: Schemas['Withdraw'];
  settle: Schemas['Settle'];
  undo: Schemas['Undo'];
  escalate: Schemas['Escalate'];
  propose: Schemas['Propose'];
  rule: Schemas['Rule'];
  appeal: Schemas['Appeal'];
  message: Schemas['Message'];
  add_evidence: Schemas['AddEvidence'];
  leave_feedback: Schemas['LeaveFeedback'];
  retry_payment: Schemas['RetryPayment'];
  settle_by_hand: Schemas['SettleByHand'];
  payment_event: Schemas['PaymentEvent'];
  order_again: Schemas['OrderAgain'];
  give_time: Renamed<'GiveTime', 'by', 'length'>;
  away: Schemas['Away'];
  back: Schemas['Back'];
  hold: Schemas['Hold'];
  lift_hold: Schemas['LiftHold'];
  open_case: Schemas['OpenCase'];
  take_case: Schemas['TakeCase'];
  release_case: Schemas['ReleaseCase'];
  note: Schemas['Note'];
  note_to_staff: Schemas['NoteToStaff'];
}

/** What each command takes that is sent to a group. */
export interface GroupCommandFields {
  request: Schemas['RequestOfGroup'];
  accept: Schemas['Accept'];
  decline: Schemas['Decline'];
  counter: Schemas['CounterOfGroup'];
  withdraw: Schemas['Withdraw'];
  escalate: Schemas['Escalate'];
  message: Schemas['Message'];
  open_case: Schemas['OpenCase'];
  hold: Schemas['Hold'];
  lift_hold: Schemas['LiftHold'];
}

/** A method for each command. */
export abstract class Commands {
  /** Send a command by its name. */
  abstract send<Name extends keyof CommandFields>(
    command: Name,
    fields: CommandFields[Name] & Given,
    options?: CallOptions,
  ): Promise<Outcome>;

  /** The client hands in what the freelancer needs; the delivery time starts. By: client. */
  submitRequirements(fields: CommandFields['submit_requirements'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('submit_requirements', fields, options);
  }

  /** The freelancer delivers; the auto-complete clock starts. By: freelancer. */
  deliver(fields: CommandFields['deliver'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('deliver', fields, options);
  }

  /** The client sends the delivery back for a revision. By: client. */
  askRevision(fields: CommandFields['ask_revision'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('ask_revision', fields, options);
  }

  /** The client accepts the delivery; the freelancer is paid. By: client. */
  complete(fields: CommandFields['complete'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('complete', fields, options);
  }

  /** Asks the other side to cancel, to extend, for an update, for a partial refund, or to buy an extra. By: client, freelancer. */
  request(fields: CommandFields['request'] & Given, options?: CallOptions): Promise<Outcome> {
    return this.send('request', fields, options);
  }

  /** Agrees to the open request, or to the operator's proposal. By: client, freelancer. */
  accept(fields: CommandFields['accept'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('accept', fields, options);
  }

  /** Declines the open request, or the operator's proposal. By: client, freelancer. */
  decline(fields: CommandFields['decline'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('decline', fields, options);
  }

  /** Answers a request with another amount. By: client, freelancer. */
  counter(fields: CommandFields['counter'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('counter', fields, options);
  }

  /** Withdraws your own open request, or the case that you opened. By: client, freelancer. */
  withdraw(fields: CommandFields['withdraw'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('withdraw', fields, options);
  }

  /** Offers a settlement amount while a case is open. By: client, freelancer. */
  settle(fields: CommandFields['settle'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('settle', fields, options);
  }

  /** Undoes a cancellation, if the policy allows it. By: client, freelancer. */
  undo(fields: CommandFields['undo'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('undo', fields, options);
  }

  /** Escalates a declined cancel request, or after completion a complaint, to an operator. By: client, freelancer. */
  escalate(fields: CommandFields['escalate'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('escalate', fields, options);
  }

  /** Proposes a settlement to both parties, in mediation. By: operator. */
  propose(fields: CommandFields['propose'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('propose', fields, options);
  }

  /** Decides the case. By: operator. */
  rule(fields: CommandFields['rule'] & Given, options?: CallOptions): Promise<Outcome> {
    return this.send('rule', fields, options);
  }

  /** Appeals the ruling, once, with new words or evidence; another operator decides. By: client, freelancer. */
  appeal(fields: CommandFields['appeal'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('appeal', fields, options);
  }

  /** Sends a message to the other side; the record keeps it. By: client, freelancer. */
  message(fields: CommandFields['message'] & Given, options?: CallOptions): Promise<Outcome> {
    return this.send('message', fields, options);
  }

  /** Records a file that is stored elsewhere: title, kind, SHA-256 and address. By: client, freelancer. */
  addEvidence(fields: CommandFields['add_evidence'] & Given, options?: CallOptions): Promise<Outcome> {
    return this.send('add_evidence', fields, options);
  }

  /** Reviews the other side, publicly or privately, once each. By: client, freelancer. */
  leaveFeedback(fields: CommandFields['leave_feedback'] & Given, options?: CallOptions): Promise<Outcome> {
    return this.send('leave_feedback', fields, options);
  }

  /** Tries a payment again that is blocked or came back. By: operator. */
  retryPayment(fields: CommandFields['retry_payment'] & Given, options?: CallOptions): Promise<Outcome> {
    return this.send('retry_payment', fields, options);
  }

  /** Notes that a payment that is blocked or came back was made outside of the payment provider. By: operator. */
  settleByHand(fields: CommandFields['settle_by_hand'] & Given, options?: CallOptions): Promise<Outcome> {
    return this.send('settle_by_hand', fields, options);
  }

  /** The payment provider reports that a payment came back, or what the client's bank does. By: system. */
  paymentEvent(fields: CommandFields['payment_event'] & Given, options?: CallOptions): Promise<Outcome> {
    return this.send('payment_event', fields, options);
  }

  /** The two parties started another order; this affects scores only. By: system. */
  orderAgain(fields: CommandFields['order_again'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('order_again', fields, options);
  }

  /** Gives the other side more time to answer your open request. By: client, freelancer. */
  giveTime(fields: CommandFields['give_time'] & Given, options?: CallOptions): Promise<Outcome> {
    return this.send('give_time', fields, options);
  }

  /** Says that you are away: your own answer windows stand still until then. By: client, freelancer. */
  away(fields: CommandFields['away'] & Given, options?: CallOptions): Promise<Outcome> {
    return this.send('away', fields, options);
  }

  /** Says that you are back: your answer windows run again. By: client, freelancer. */
  back(fields: CommandFields['back'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('back', fields, options);
  }

  /** Holds the order: it stands still for a while. By: operator. */
  hold(fields: CommandFields['hold'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('hold', fields, options);
  }

  /** Ends the hold: the order goes on. By: operator. */
  liftHold(fields: CommandFields['lift_hold'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('lift_hold', fields, options);
  }

  /** Opens a case without a request of the parties, once, and once more after completion. By: operator. */
  openCase(fields: CommandFields['open_case'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('open_case', fields, options);
  }

  /** Takes the open case: you work on it. By: operator. */
  takeCase(fields: CommandFields['take_case'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('take_case', fields, options);
  }

  /** Gives the case back that you have taken. By: operator. */
  releaseCase(fields: CommandFields['release_case'] & Given = {}, options?: CallOptions): Promise<Outcome> {
    return this.send('release_case', fields, options);
  }

  /** Writes a note that only operators can read. By: operator. */
  note(fields: CommandFields['note'] & Given, options?: CallOptions): Promise<Outcome> {
    return this.send('note', fields, options);
  }

  /** Writes a note to operators; the other side does not learn of it. By: client, freelancer. */
  noteToStaff(fields: CommandFields['note_to_staff'] & Given, options?: CallOptions): Promise<Outcome> {
    return this.send('note_to_staff', fields, options);
  }
}

/** The codes of refusals. A later version may have more. */
export type RefusalCode =
  | 'malformed'
  | 'actor_unproven'
  | 'command_id_reused'
  | 'unknown_command'
  | 'not_a_party'
  | 'role_not_allowed'
  | 'conflict_of_interest'
  | 'expired'
  | 'order_closed'
  | 'chargeback_open'
  | 'on_hold'
  | 'hold_used'
  | 'wrong_phase'
  | 'kind_not_offered'
  | 'request_open'
  | 'case_open'
  | 'no_open_request'
  | 'no_blocked_payment'
  | 'no_such_payment'
  | 'no_chargeback'
  | 'chargeback_known'
  | 'no_hold'
  | 'no_open_case'
  | 'case_taken'
  | 'case_not_yours'
  | 'not_yours_to_answer'
  | 'not_yours_to_withdraw'
  | 'approval_needed'
  | 'reason_required'
  | 'unknown_reason'
  | 'explanation_required'
  | 'attestation_missing'
  | 'amount_required'
  | 'amount_out_of_range'
  | 'stale_version'
  | 'too_many_messages'
  | 'too_many_counters'
  | 'too_many_revisions'
  | 'cooling_down'
  | 'too_many_requests'
  | 'undo_not_offered'
  | 'undo_closed'
  | 'undo_used'
  | 'dialogue_required'
  | 'escalation_not_offered'
  | 'appeal_not_offered'
  | 'appeal_closed'
  | 'appeal_used'
  | 'same_operator'
  | 'proposal_too_late'
  | 'feedback_not_allowed'
  | 'away_not_offered'
  | 'not_away'
  | 'away_used'
  | 'time_not_offered'
  | 'too_much_time'
  | (string & {});

/** The codes of other errors of the API. A later version may have more. */
export type ProblemCode =
  | 'ambiguous_length'
  | 'bad_signature'
  | 'unreadable_event'
  | 'token_required'
  | 'bad_token'
  | 'forbidden'
  | 'no_such_order'
  | 'no_such_group'
  | 'no_such_session'
  | 'no_such_provider'
  | 'no_such_file'
  | 'no_evidence_store'
  | 'not_found'
  | 'method_not_allowed'
  | 'too_slow'
  | 'order_exists'
  | 'not_of_the_group'
  | 'payment_missing'
  | 'file_changed'
  | 'unknown_cursor'
  | 'too_large'
  | 'bad_opening'
  | 'unusable_file'
  | 'too_many_calls'
  | 'internal'
  | 'temporal_unreachable'
  | 'database_unreachable'
  | 'provider_unreachable'
  | 'store_unreachable'
  | 'no_answer'
  | 'order_not_running'
  | 'needs_newer_build'
  | 'too_early'
  | (string & {});

/** What notices are about. A later version may have more. */
export type NoticeName =
  | 'requirements_submitted'
  | 'revision_requested'
  | 'order_delivered'
  | 'order_completed'
  | 'request_opened'
  | 'request_countered'
  | 'answer_reminder'
  | 'request_accepted'
  | 'request_declined'
  | 'request_withdrawn'
  | 'request_lapsed'
  | 'request_superseded'
  | 'case_withdrawn'
  | 'settlement_offered'
  | 'case_closed'
  | 'order_canceled'
  | 'cancellation_undone'
  | 'case_opened'
  | 'proposal_made'
  | 'ruling_made'
  | 'ruling_needed'
  | 'appeal_opened'
  | 'case_reminder'
  | 'case_overdue'
  | 'money_settled'
  | 'payment_blocked'
  | 'payment_returned'
  | 'chargeback_opened'
  | 'chargeback_closed'
  | 'debt_recorded'
  | 'message_received'
  | 'feedback_received'
  | 'follow_up'
  | 'note_received'
  | 'case_taken_over'
  | 'party_away'
  | 'time_given'
  | 'order_held'
  | 'hold_lifted'
  | (string & {});
