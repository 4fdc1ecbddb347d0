export { Chat, ChatError, type ChatOptions, type Credential, type Json, type OpenOptions, type Status } from "./chat.ts";
export { ConversationList, type Conversation, type OtherParticipant, type PersonalState } from "./conversations.ts";
export type { Observable, ObserveOptions } from "./observable.ts";
export { Room, type Message, type MessageFields, type Participant, type Reaction, type SentMessage } from "./room.ts";
export type { Refusal, Sender } from "./core/view.ts";
export { MemoryStorage, type Sent, type SharedStorageEvents, type Storage } from "./storage.ts";
export { IndexedDbStorage } from "./indexed_db.ts";
