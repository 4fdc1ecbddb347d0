/** Conversations and their messages: all that an application needs without a list of conversations. */

export { Chat, ChatError, type ChatOptions, type Credential, type Json, type OpenOptions, type Status } from "./chat.ts";
export { Observable, type ObserveOptions } from "./observable.ts";
export { Room, type Message, type MessageFields, type Participant, type Reaction, type SentMessage } from "./room.ts";
export type { Refusal, Sender } from "./core/view.ts";
export { MemoryStorage, type Sent, type SharedStorageEvents, type Storage } from "./storage.ts";
/** @internal The other entry points share these. */
export { asMessage, camelCased } from "./core/view.ts";
/** @internal */
export { historyNumber } from "./core/context.ts";
