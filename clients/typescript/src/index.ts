export { actorToken, type Message } from './actor-token.js';
export type { components } from './api.js';
export type { CallOptions, Token } from './calls.js';
export { Recourse, type Change } from './client.js';
export type { CommandFields, GroupCommandFields, NoticeName, ProblemCode, RefusalCode } from './commands.js';
export { BadSignature, RecourseError, type ErrorFacts } from './errors.js';
export { GroupHandle, OrderHandle } from './handles.js';
export type { Actor, Applied, Given, Outcome, Reader, Refused, Sent } from './messages.js';
export { verifyWebhook, type Webhook } from './webhooks.js';
