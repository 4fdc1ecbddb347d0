/** One conversation. */

import type { Chat } from "./chat.ts";
import type { Core } from "./core/client.ts";
import type { Json, Notification } from "./core/outputs.ts";
import type { Participant } from "./core/people.ts";
import type { Message, Reaction } from "./core/view.ts";
import { chatError, type ChatError, closedError } from "./http.ts";
import { Observable } from "./observable.ts";

/** The place of a message in the log. */
export interface SentMessage {
  /** Its sequence id. */
  readonly sequenceId: number;
  /** Which log: a restore of the server's data begins another history, where the place is void. */
  readonly historyId: string | null;
  /** The id by which the message was named while it was pending. */
  readonly clientMessageId: string;
}

/** Further fields of a message. */
export interface MessageFields {
  /** The sequence id of the message that it replies to. */
  replyTo?: number;
  /** Participant ids. */
  mentions?: readonly string[];
  /** Any JSON of up to 4,096 bytes. */
  metadata?: Json;
}

/** Return a random id. `randomUUID` exists in secure contexts only. */
const newId = (): string => crypto.getRandomValues(new Uint32Array(4)).join("-");

interface Waiter<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Return a promise that others settle; its rejection may stay unseen, as a caller may look at the status only. */
function newWaiter<T>(): Waiter<T> {
  let settle: Omit<Waiter<T>, "promise">;
  const promise = new Promise<T>((resolve, reject) => (settle = { resolve, reject }));
  promise.catch(() => {});
  return { promise, ...settle! };
}

/**
 * A conversation that is followed: its messages, ordered and without gaps, and the actions on them.
 *
 * A message is named by its `sequenceId`, or by its `clientMessageId` if it is or was pending in this client.
 */
export class Room extends Observable<Room> {
  private _messages: readonly Message[] | null = null;
  private readonly _sends = new Map<string, Waiter<SentMessage>>();
  private _olderWaiters: ((hasCome: boolean) => void)[] = [];
  private readonly _loaded = newWaiter<Room>();
  private _isLoaded = false;
  private _isClosed = false;
  private _error: ChatError | null = null;
  /** Resolves when the newest messages are there. */
  readonly loaded = this._loaded.promise;

  /** @internal Rooms are made by `Chat.open`. */
  constructor(
    /** The id of the conversation. */
    readonly id: string,
    private readonly _core: Core,
    private readonly _chat: Chat,
  ) {
    super();
  }

  protected _value(): Room {
    return this;
  }

  /**
   * The messages as the reader sees them now, from the marked start up to the newest one, then those that are
   * pending or failed. The array and the unchanged messages are the same objects until the next change.
   */
  get messages(): readonly Message[] {
    return (this._messages ??= this._core.messages(this.id));
  }

  /**
   * The events of the log in the view, as the protocol has them: all from its marked start up to its position. They
   * include arrivals, departures and changes of settings, which are not messages.
   */
  get events(): readonly Json[] {
    return this._core.events(this.id);
  }

  /** The participants of the conversation, with presence and read marks. */
  get participants(): readonly Participant[] {
    return this._core.participants(this.id);
  }

  /** The other participants who are typing. */
  get typists(): readonly { participantId: string; name: string }[] {
    return this._core.typists(this.id);
  }

  /** How many messages of others the participant has not read. */
  get unreadCount(): number {
    return this._core.readState(this.id).unreadCount;
  }

  /** The sequence id of the last event that the participant has read. */
  get readUpTo(): number {
    return this._core.readState(this.id).readUpTo;
  }

  /** The sequence id of the first event of the view, or null before the newest messages are there. */
  get start(): number | null {
    return this._core.place(this.id).start;
  }

  /** The sequence id of the last event of the view. */
  get position(): number {
    return this._core.place(this.id).position;
  }

  /** The history of all sequence ids; a restore of the server's data begins another one. */
  get historyId(): string | null {
    return this._core.historyId;
  }

  /** Whether the newest messages are there: see `OpenOptions.immediately`. */
  get isLoaded(): boolean {
    return this._isLoaded;
  }

  /** Whether there are messages before the first one: see `older`. */
  get hasOlder(): boolean {
    return (this.start ?? 1) > 1;
  }

  /** Why the conversation has ended: it was deleted, or the participant is not a member. */
  get error(): ChatError | null {
    return this._error;
  }

  /**
   * Send a message. It is shown as pending at once, is kept over reloads if the storage is durable, and is repeated
   * until the server has it.
   *
   * @returns a promise that resolves when the message is in the log, once.
   * @throws ChatError (by the promise) if the server refuses it; it is then shown as failed and holds the later ones
   *   until `retry` or `discard`. Its code is `DISCARDED` if the message was deleted.
   * @throws TypeError (by the promise) for what no frame can carry: lone surrogates, or more than 60 levels of `metadata`.
   */
  send(content: string, { replyTo, mentions, metadata }: MessageFields = {}): Promise<SentMessage> {
    const clientMessageId = newId();
    // The core leaves out undefined fields.
    const fields = { content, reply_to: replyTo, mentions: mentions?.length ? mentions : undefined, metadata };
    return this._sent(clientMessageId, (now) => this._core.send(this.id, clientMessageId, fields, now));
  }

  /**
   * Send a failed message again, and the later ones that it holds.
   *
   * @throws RangeError (by the promise) if no pending or failed message has this id.
   */
  retry(clientMessageId: string): Promise<SentMessage> {
    return this._sent(clientMessageId, (now) => this._core.retry(this.id, clientMessageId, now));
  }

  /** Delete a failed message; the later ones are sent. */
  discard(clientMessageId: string): void {
    this._chat.input((now) => this._core.discard(this.id, clientMessageId, now));
  }

  /** Change the text of an own message, and `mentions` and `metadata` if they are given. */
  edit(id: number | string, content: string, fields: Omit<MessageFields, "replyTo"> = {}): void {
    this._update("edit", id, { content, ...fields });
  }

  /** Delete a message. */
  delete(id: number | string): void {
    this._update("delete", id, {});
  }

  /** Add a reaction. */
  react(id: number | string, emoji: string): void {
    this._update("react", id, { emoji });
  }

  /** Remove an own reaction. */
  unreact(id: number | string, emoji: string): void {
    this._update("unreact", id, { emoji });
  }

  /** Note a keystroke: call it for each one. A pause, or a sent message, ends typing; `false` ends it at once. */
  typing(isTyping = true): void {
    this._chat.input((now) => this._core.typing(this.id, isTyping, now));
  }

  /** Mark everything that is shown as read, or up to an event. */
  read(sequenceId?: number): void {
    this._chat.input((now) => this._core.read(this.id, now, sequenceId));
  }

  /** Show earlier messages. Resolves when they are there, with false if there are none. */
  older(): Promise<boolean> {
    return new Promise((resolve) => {
      this._olderWaiters.push(resolve);
      this._chat.input((now) => {
        if (!this._core.older(this.id, now) || this._isClosed) this._cameOlder(false);
      });
    });
  }

  /** Stop following the conversation. Pending messages are still sent; their promises reject with the code `CLOSED`. */
  close(): void {
    this._chat.closed(this);
    this.end();
  }

  /** End all waiting: there are no further notifications. @internal */
  end(): void {
    this._isClosed = true;
    this._cameOlder(false);
    const error = closedError();
    this._loaded.reject(error);
    for (const { reject } of this._sends.values()) reject(error);
    this._sends.clear();
  }

  /** Apply a notification. @internal */
  notify(notification: Notification): void {
    if (notification.kind !== "people") this._messages = null;
    switch (notification.kind) {
      case "replaced":
        this._isLoaded = true;
        this._loaded.resolve(this);
        this._cameOlder(false);
        break;
      case "prepended":
        this._cameOlder(true);
        break;
      case "ended":
        this._error = chatError({ code: notification.code, message: "the conversation has ended" });
        this._loaded.reject(this._error);
        this._cameOlder(false);
        break;
      case "resolved": {
        const { clientMessageId, sequenceId, historyId } = notification;
        this._settle(clientMessageId)?.resolve({ clientMessageId, sequenceId, historyId });
        break;
      }
      case "withdrawn":
        this._settle(notification.clientMessageId)?.reject(chatError({ code: "DISCARDED", message: "deleted before it was sent" }));
        break;
      case "refused":
        this._settle(notification.clientMessageId)?.reject(chatError(notification.error));
    }
  }

  /** Send a message, and return the promise of its place: all that await it share one. */
  private _sent(clientMessageId: string, give: (now: number) => void): Promise<SentMessage> {
    const waiter = this._sends.get(clientMessageId) ?? newWaiter<SentMessage>();
    this._sends.set(clientMessageId, waiter);
    try {
      this._chat.input(give);
    } catch (error) {
      this._settle(clientMessageId)?.reject(error);
    }
    if (this._isClosed) this.end();
    return waiter.promise;
  }

  private _settle(clientMessageId: string | null): Waiter<SentMessage> | undefined {
    const waiter = this._sends.get(clientMessageId ?? "");
    this._sends.delete(clientMessageId ?? "");
    return waiter;
  }

  private _cameOlder(hasCome: boolean): void {
    for (const resolve of this._olderWaiters.splice(0)) resolve(hasCome);
  }

  private _update(command: string, id: number | string, fields: Json): void {
    this._chat.input((now) => this._core.update(this.id, command, id, fields, now));
  }
}

export type { Message, Participant, Reaction };
