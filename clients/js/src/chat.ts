/** The client: one connection, rooms, and the list of conversations. */

import type { Core } from "./core/client.ts";
import type { Json, Notification, Status } from "./core/outputs.ts";
import { camelCased, type Sender } from "./core/view.ts";
import { Driver } from "./driver.ts";
import { ChatError, chatError, closedError, type Credential, Http } from "./http.ts";
import { Observable, type ObserveOptions } from "./observable.ts";
import { Room } from "./room.ts";
import { MemoryStorage, type Storage } from "./storage.ts";

/** Options of a chat. */
export interface ChatOptions {
  /** The address of the HTTP API. */
  httpUrl: string;
  /** The address of the WebSocket API. */
  wsUrl: string;
  /**
   * Returns a valid token. It is called before each handshake, before a token expires, and for each request of HTTP;
   * return a cached token if it is valid for another minute at least. A ticket is for one connection: a backend gets it
   * by `POST /tickets` for a user without a token. The list and other requests then need a backend behind `fetch`.
   */
  token: () => Credential | Promise<Credential>;
  /** Keeps the outbox, and the positions of rooms that resume; by default, both end with the page or process. */
  storage?: Storage;
  /** How many of the newest events a room keeps besides those that `older` has fetched; 5,000 by default. */
  window?: number;
  /** For runtimes without a global WebSocket, such as Node 20 without `--experimental-websocket`. */
  WebSocket?: typeof WebSocket;
  /** Sends the requests by HTTP in the place of the global one. */
  fetch?: typeof fetch;
}

/** Options of `Chat.open`. */
export interface OpenOptions extends ObserveOptions {
  /** Resolve at once, also without a connection: the room shows the pending messages until the others are there. */
  immediately?: boolean;
  /**
   * Begin after the last event that was shown when the conversation was last opened so, also before a reload, and
   * store that from now on: for programs that handle each event once. The promise resolves at once if there is such a
   * place, and missed events follow as changes; after more than 500 of them the room begins at the newest messages.
   * A room that is open already stays as it is, and its place is stored from now on.
   */
  resume?: boolean;
}

/** A connection to the chat for one participant. It connects at once, and reconnects until `close`. */
export class Chat extends Observable<Chat> {
  private readonly _http: Http;
  private readonly _driver: Driver;
  private readonly _storage: Storage;
  /** Resolves when the storage is loaded. @internal */
  readonly ready: Promise<Core>;
  /** Observers of all notifications, such as the list of conversations. @internal */
  readonly followers: ((notification: Notification) => void)[] = [];
  private readonly _rooms = new Map<string, Room>();
  private readonly _changed = new Set<Room | Chat>();
  private _status: Status = "authenticating";

  /** Connect. Throws TypeError if there is no WebSocket. */
  constructor(options: ChatOptions) {
    super();
    this._http = new Http(options);
    this._storage = options.storage ?? new MemoryStorage();
    this._driver = new Driver(options, this._storage, this._http, this);
    this.ready = this._driver.start();
  }

  protected _value(): Chat {
    return this;
  }

  /** The state of the connection: `open` if events arrive as they happen. */
  get status(): Status {
    return this._status;
  }

  /** The participant of the token, once the server has named it. */
  get me(): Sender | null {
    const participant = this._driver.core?.participant;
    return participant ? camelCased(participant) : null;
  }

  /** Call a handler after each change of `status` and `me`; return a function that ends it. */
  override on(event: "change", handler: (chat: Chat) => void, options?: ObserveOptions): () => void;
  /** Receive what no call can throw: a failed token callback, a refused handshake or update, a full storage. */
  override on(event: "error", handler: (error: unknown) => void, options?: ObserveOptions): () => void;
  /** Receive each invitation to a conversation, as the frame `invited` of the protocol. */
  override on(event: "invited", handler: (invitation: Json) => void, options?: ObserveOptions): () => void;
  override on(event: string, handler: (value: any) => void, options?: ObserveOptions): () => void {
    return super.on(event as "change", handler, options);
  }

  /**
   * Follow a conversation.
   *
   * @returns its room when the newest messages are there; each call returns the same room until it is closed.
   * @throws ChatError (by the promise) if it does not exist, or is not visible to the participant; with the code
   *   `CLOSED` if the chat is closed.
   */
  async open(conversationId: string, { signal, immediately, resume }: OpenOptions = {}): Promise<Room> {
    signal?.throwIfAborted();
    const core = await this.ready;
    let room = this._rooms.get(conversationId);
    if (!room || room.error) {
      room?.end();
      room = new Room(conversationId, core, this);
      if (this._driver.isStopped) room.end();
      this._rooms.set(conversationId, room);
    }
    this.input((now) => core.open(conversationId, now, resume));
    const { loaded } = room;
    if (immediately) return room;
    if (!signal) return loaded;
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    return Promise.race([loaded, aborted]);
  }

  /**
   * Open the direct conversation with another participant, which begins if there is none yet.
   *
   * @param name how to show the participant until they have accepted; by default by their id.
   * @throws ChatError (by the promise), for instance with the code `BLOCKED`.
   */
  async direct(participantId: string, name?: string): Promise<Room> {
    const path = `/direct?participant_id=${encodeURIComponent(participantId)}`;
    const { conversation_id } = await this.request("PUT", path, name ? { name } : {});
    return this.open(conversation_id);
  }

  /**
   * Send a request to the HTTP API, for all that is not a method: creating conversations, members, invites.
   *
   * @returns the body of the response, as the protocol has it.
   * @throws ChatError (by the promise); with the code `CLOSED` if the chat is closed.
   */
  async request(method: string, path: string, body?: unknown): Promise<any> {
    if (this._driver.isStopped) throw closedError();
    return this._http.request(method, path, body);
  }

  /** Look for the network now, without waiting for a backoff. Browsers do that by themselves. */
  online(): void {
    this._driver.online();
    this.notify({ kind: "awake" });
  }

  /**
   * Close the connection. The outbox is kept in the storage, with later messages; promises that await it, and those of
   * later calls, reject with the code `CLOSED`.
   */
  async close(): Promise<void> {
    this._driver.isStopped = true;
    await this.ready;
    await this._driver.stop();
    for (const room of this._rooms.values()) room.end();
  }

  /** Close the connection, and delete the outbox and all else in the storage; nothing is stored later. */
  async signOut(): Promise<void> {
    this._driver.isSignedOut = true;
    await this.close();
    await this._storage.clear();
  }

  /** Follow the conversation of a room no more. @internal */
  closed(room: Room): void {
    if (this._rooms.get(room.id) !== room) return;
    this._rooms.delete(room.id);
    this.input((now) => this._driver.core!.close(room.id, now));
  }

  /** Pass on a notification, in its order. @internal */
  notify(notification: Notification): void {
    if (notification.kind === "status") {
      this._status = notification.status;
      this._changed.add(this);
    } else if ("conversationId" in notification) {
      const room = this._rooms.get(notification.conversationId);
      room?.notify(notification);
      if (room) this._changed.add(room);
      if (notification.kind === "refused" && notification.command !== "message") {
        this.failed(chatError(notification.error));
      }
    }
    if (notification.kind === "frame" && notification.frame.type === "invited") {
      this._emit("invited", notification.frame);
    }
    for (const follow of this.followers) follow(notification);
  }

  /** Call the handlers of everything that changed: all notifications of an input were passed on. @internal */
  settled(): void {
    const changed = [...this._changed];
    this._changed.clear();
    for (const observable of changed) observable.changed();
  }

  /** Emit an error that no call can throw. @internal */
  failed(error: unknown): void {
    this._emit("error", error);
  }

  /** Give the core an input. @internal */
  input(give: (now: number) => void): void {
    this._driver.input(give);
  }
}

export type { Credential, Json, Status };
export { ChatError };
