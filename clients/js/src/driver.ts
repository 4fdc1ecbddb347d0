/** Carries out the outputs of the core: WebSocket, HTTP, storage and timers. */

import type { Chat, ChatOptions } from "./chat.ts";
import { Core } from "./core/client.ts";
import { ITEM_KEY } from "./core/items.ts";
import type { Json, Notification, Output, Sent } from "./core/outputs.ts";
import { ChatError, chatError, type Credential, type Http } from "./http.ts";
import type { Storage } from "./storage.ts";

/** The version of the protocol, which the subprotocol names, too. */
const PROTOCOL = 1;
/** Timers of the system stop while a device sleeps; the core reads the wall clock at least this often. */
const LONGEST_TIMER = 30_000;

/** After how many milliseconds the changes that the storage has refused are repeated. */
const REPEAT_DELAY = 1_000;

/** A change of a stored value; without a value, it is deleted. */
interface Change {
  key: string;
  value?: Json;
  sent?: Sent | null;
}

export class Driver {
  core: Core | null = null;
  /** Whether the chat is closed, or about to be. */
  isStopped = false;
  /** Whether nothing is stored any more: the participant signs out. */
  isSignedOut = false;
  /** The change that is being made. */
  private _making: Promise<void> | null = null;
  /** The last change of each value that is not durable yet, in their order. */
  private readonly _waiting = new Map<string, Change>();
  /** The keys of those that the storage has refused since it was last tried again. */
  private readonly _refused = new Set<string>();
  private _repeating: ReturnType<typeof setTimeout> | undefined;
  /** Resolved messages that the storage still has: a restart would send them again. */
  private readonly _held: Notification[] = [];
  private _socket: WebSocket | null = null;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _isRunning = false;
  private readonly _ends: (() => void)[] = [];

  private readonly _WebSocket: typeof WebSocket;

  constructor(
    private readonly _options: ChatOptions,
    private readonly _storage: Storage,
    private readonly _http: Http,
    private readonly _chat: Chat,
  ) {
    this._WebSocket = _options.WebSocket ?? globalThis.WebSocket;
    if (!this._WebSocket) throw new TypeError("no WebSocket: use Node 22, or pass one");
  }

  /** Load the storage, and connect. */
  async start(): Promise<Core> {
    const storage = this._storage;
    const load = async () => storage.load(); // it can also throw at once
    const stored = await load().catch((error) => {
      this._chat.failed(error);
      return {};
    });
    const writer = storage.share ? "/" + Math.random().toString(36).slice(2) : "";
    const core = (this.core = new Core(stored, Math.random, writer, this._options.window ?? 5_000));
    if (storage.share) {
      core.drain(null, Date.now());
      const end = storage.share({
        changed: (key, value, sent) => {
          // A change of this client that is not durable yet, or was refused, would bring a deleted value back.
          if (!value && this._waiting.get(key)?.value) this._order({ key, sent });
          this.input((now) => core.storageChanged(key, value, sent, now));
        },
        drains: (present) => this.input((now) => core.drain(this._appliedTo(present), now)),
      });
      this._ends.push(end);
    }
    this._listen();
    this.input((now) => core.start(now));
    return core;
  }

  /** Give the core an input, and carry out its outputs. */
  input(give: (now: number) => void): void {
    give(Date.now());
    void this._run();
  }

  /** Repeat all that failed: first the changes of the storage, without which no message is sent. */
  online(): void {
    this._tryAgain();
    this.input((now) => this.core?.online(now));
  }

  /** Close the connection, and end everything when the storage has the last changes: other clients learn of them. */
  async stop(): Promise<void> {
    this._tryAgain();
    this.input((now) => this.core?.stop(now));
    while (this._isRunning || this._making) await this._making; // outputs that waited for a change can order others
    for (const end of this._ends.splice(0)) end();
  }

  /** Look after a sleep or a change of the network, which browsers report by events. */
  private _listen(): void {
    const { addEventListener, document } = globalThis;
    const end = new AbortController();
    this._ends.push(() => end.abort());
    const awake = ({ type }: Event) => {
      // A hidden tab can be the one that sends for others.
      if (type === "online" || document?.visibilityState !== "hidden") this._chat.online();
    };
    for (const name of ["online", "pageshow", "focus", "visibilitychange"]) addEventListener?.(name, awake, end);
  }

  /** Carry out the outputs in their order: an attempt to send is durable before its frame is sent. */
  private async _run(): Promise<void> {
    const core = this.core;
    if (this._isRunning || !core) return;
    this._isRunning = true;
    for (const output of core.outputs()) {
      if (this._making && (output.kind === "send" || output.kind === "post" || output.kind === "resolved")) {
        this._chat.settled();
        await this._changesMade();
      }
      try {
        this._carryOut(output);
      } catch (error) {
        this._chat.failed(error); // of one output; the others must be carried out
      }
    }
    this._isRunning = false;
    this._chat.settled();
    this._plan();
  }

  private _plan(): void {
    clearTimeout(this._timer);
    const delay = this.core!.nextTimer(Date.now());
    if (delay === null || this.isStopped) return;
    this._timer = setTimeout(() => this.input((now) => this.core!.advance(now)), Math.min(delay, LONGEST_TIMER));
  }

  /** Order a change, after the others; it waits with them while the storage refuses one. */
  private _order(change: Change): void {
    this._waiting.set(change.key, change);
    if (!this._refused.size) this._makeNext();
  }

  /** Pass on a notification; that a message is resolved only when all deletions are made. */
  private _notify(notification: Notification): void {
    const isHeld = notification.kind === "resolved" && [...this._waiting.values()].some(({ value }) => !value);
    if (isHeld) this._held.push(notification);
    else this._chat.notify(notification);
  }

  /** Try again what the storage has refused. */
  private _tryAgain(): void {
    clearTimeout(this._repeating);
    this._refused.clear();
    this._makeNext();
  }

  /** Resolve when all changes are durable or refused. */
  private async _changesMade(): Promise<void> {
    while (this._making) await this._making;
  }

  /** Return what the storage will have when it has all changes of this client. */
  private _appliedTo(stored: Record<string, Json>): Record<string, Json> {
    const values = { ...stored };
    for (const [key, { value }] of this._waiting) {
      if (value) values[key] = value;
      else delete values[key];
    }
    return values;
  }

  /** Make the next change, and the others after it. */
  private _makeNext(): void {
    if (this._making || this.isSignedOut) return;
    const next = this._next();
    if (next) {
      this._making = this._attempt(next).finally(() => {
        this._making = null;
        this._makeNext();
      });
    } else if (this._refused.size && !this.isStopped) {
      this._repeating = setTimeout(() => this._tryAgain(), REPEAT_DELAY);
    }
  }

  /**
   * Return the next change to make. While one is refused, no later message is saved: another client sends messages in
   * the order in which they are stored. Deletions are made, as they make room.
   */
  private _next(): Change | undefined {
    let isRefused = false;
    for (const change of this._waiting.values()) {
      if (this._refused.has(change.key)) isRefused = true;
      else if (!isRefused || !change.value || !change.key.startsWith(ITEM_KEY)) return change;
    }
    return;
  }

  private async _attempt(change: Change): Promise<void> {
    const { key, value, sent = null } = change;
    try {
      await (value ? this._storage.save(key, value) : this._storage.forget(key, sent));
    } catch (error) {
      this._refused.add(key);
      this._chat.failed(error);
      return;
    }
    if (this._waiting.get(key) === change) this._waiting.delete(key); // else a later one of the value follows
    for (const held of this._held.splice(0)) this._notify(held);
  }

  private _carryOut(output: Output): void {
    switch (output.kind) {
      case "save":
      case "forget":
        this._order(output);
        break;
      case "token":
        void this._requestToken();
        break;
      case "connect":
        this._connect(output.socket, output.token);
        break;
      case "disconnect":
        this._socket?.close();
        this._socket = null;
        break;
      case "send":
        // While a storage is full, no frame of the outbox is sent: the core repeats it later.
        if (this._socket?.readyState === 1 && !(output.hasItems && this._refused.size)) {
          this._socket.send(JSON.stringify(output.frame));
        }
        break;
      case "post":
        if (!this._refused.size) void this._post(output.requestId, output.commands);
        break;
      default:
        this._notify(output);
    }
  }

  private async _requestToken(): Promise<void> {
    try {
      const token = await this._options.token();
      this.input((now) => this.core!.tokenReceived(token, now));
    } catch (error) {
      this._chat.failed(error);
      this.input((now) => this.core!.tokenFailed(now));
    }
  }

  private _connect(number: number, token: Credential): void {
    const core = this.core!;
    let isOpen = false;
    let socket: WebSocket | undefined;
    const closed = async () => {
      let retryAfter = 0;
      // Not if this client has closed it.
      if (!isOpen && socket === this._socket && typeof token === "string") {
        this.input((now) => core.socketClosed(number, now, null));
        retryAfter = await this._probe(token);
      }
      this.input((now) => core.socketClosed(number, now, retryAfter));
    };
    try {
      const { wsUrl } = this._options;
      if (typeof token === "string") socket = new this._WebSocket(wsUrl, ["chat.v1", "bearer." + token]);
      else socket = new this._WebSocket(wsUrl + "?ticket=" + encodeURIComponent(token.ticket), ["chat.v1"]);
    } catch (error) {
      this._chat.failed(error); // a malformed address, or a token with characters that it cannot have
      void closed();
      return;
    }
    this._socket = socket;
    socket.onopen = () => {
      isOpen = true;
      this.input((now) => core.socketOpened(number, now));
    };
    socket.onmessage = ({ data }) => {
      const frame = parsed(data);
      if (!frame) return;
      this.input((now) => core.receive(number, frame, now));
      if (frame.type === "disconnect" && !frame.reconnect) this._chat.failed(chatError({ ...frame, message: frame.reason }));
    };
    socket.onclose = closed;
    socket.onerror = () => {}; // followed by onclose
  }

  /** Learn by HTTP why a handshake was refused; return how many milliseconds to wait at least. */
  private async _probe(token: string): Promise<number> {
    try {
      await this._http.request("GET", "/me", undefined, token);
    } catch (error) {
      const { status, retryAfter } = error as ChatError;
      if (status) this._chat.failed(error);
      return retryAfter * 1_000;
    }
    return 0;
  }

  private async _post(requestId: string, commands: Json[]): Promise<void> {
    let body: Json | null = null;
    try {
      body = { type: "batch_result", ...(await this._http.request("POST", "/batch", { commands })) };
    } catch (error) {
      if (!(error instanceof ChatError)) this._chat.failed(error); // of the token callback
      const { details, status, isRetryable } = error as Partial<ChatError>;
      // Any other response without a code is not from the server.
      if (details?.code || status === 413) body = { code: "TOO_LARGE", ...details, type: "error", retryable: isRetryable };
    }
    this.input((now) => this.core!.batchPosted(requestId, body, now));
  }
}

/** Return a frame, or null for anything else. A `welcome` of another protocol ends the connection. */
function parsed(data: string): Json | null {
  try {
    const frame = JSON.parse(data);
    if (frame.type !== "welcome" || (frame.protocol ?? PROTOCOL) === PROTOCOL) return frame;
    return { type: "disconnect", code: "UNKNOWN_PROTOCOL", reason: "update the client" };
  } catch {
    return null;
  }
}
