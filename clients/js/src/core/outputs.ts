/** The requests of the core to its driver, in this order, and its notifications. */

/** A JSON object of the protocol. */
export type Json = Record<string, any>;

/**
 * One output. The driver carries out each before the next one. `save` and `forget` must be durable before the next
 * `send` or `post`: an attempt to send is recorded before its frame is sent, also if the process ends in between.
 */
export type Output =
  /** Call the token callback, and pass its result to `tokenReceived` or `tokenFailed`. */
  | { kind: "token" }
  /** Open a WebSocket with this token or ticket; `socket` identifies it in the inputs about it. */
  | { kind: "connect"; socket: number; token: string | { ticket: string } }
  /** Close this WebSocket. No input about it has an effect from here on. */
  | { kind: "disconnect"; socket: number }
  /** Send this frame on the open WebSocket; one with items of the outbox only while all changes are stored. */
  | { kind: "send"; frame: Json; hasItems?: true }
  /** Send `POST /batch`, and pass the answer to `batchPosted` with this id. */
  | { kind: "post"; requestId: string; commands: Json[] }
  | { kind: "save"; key: string; value: Json }
  /** Delete a stored value; `sent` if it is an item that is in the log. */
  | { kind: "forget"; key: string; sent: Sent | null }
  | Notification;

/** A place in the log. */
export interface Place {
  /** Its sequence id. */
  sequenceId: number;
  /** The history in which it has that. */
  historyId: string | null;
}

/** An item of the outbox that is in the log. */
export interface Sent extends Place {
  /** The conversation of the item. */
  conversationId: string;
  /** The id of a message; null for an update. */
  clientMessageId: string | null;
}

/** An output for the user interface. */
export type Notification =
  | { kind: "status"; status: Status }
  /** The view of a conversation begins anew with these events, the first of which is at the marked start. */
  | { kind: "replaced"; conversationId: string; historyId: string; start: number; events: readonly Json[] }
  /** Events follow those in the view. */
  | { kind: "appended"; conversationId: string; events: readonly Json[] }
  /** Events precede those in the view: an answer to `older`. */
  | { kind: "prepended"; conversationId: string; events: readonly Json[] }
  /** The marked start moved forward to this event: the view keeps the newest ones. */
  | { kind: "trimmed"; conversationId: string; start: number }
  /** The view is empty until `replaced`: the server's data has another history. */
  | { kind: "discarded"; conversationId: string }
  /** The conversation was deleted, or the participant is not a member any more. */
  | { kind: "ended"; conversationId: string; code: string }
  /** The pending or failed items of a conversation changed. */
  | { kind: "outbox"; conversationId: string }
  /** Participants, typists, read marks or unread counts of a conversation changed. */
  | { kind: "people"; conversationId: string }
  /** A message is in the log of this history, under this sequence id. */
  | { kind: "resolved"; conversationId: string; clientMessageId: string; sequenceId: number; historyId: string | null }
  /** The server refuses an item for good. A message is held as failed; an update is discarded. */
  | { kind: "refused"; conversationId: string; command: string; clientMessageId: string | null; error: Json }
  /** A message left the outbox unsent: the user deleted it, or it is of another participant. */
  | { kind: "withdrawn"; conversationId: string; clientMessageId: string | null }
  /** A frame of the server, after the client has applied it. */
  | { kind: "frame"; frame: Json }
  /** The network is back, or the page is visible again. */
  | { kind: "awake" };

/** A state of the connection. */
export type Status = "stopped" | "waiting" | "authenticating" | "connecting" | "greeting" | "open";
