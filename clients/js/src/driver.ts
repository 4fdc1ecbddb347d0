/** Carries out the outputs of the core: WebSocket, HTTP, storage and timers. */

import type { Chat, ChatOptions } from "./chat.ts";
import { Core } from "./core/client.ts";
import { ITEM_KEY } from "./core/items.ts";
import type { Json, Notification, Output, Sent } from "./core/outputs.ts";
import { ChatError, chatError, type Credential, type Http } from "./http.ts";
import type { Storage } from "./storage.ts";

/** Timers of the system stop while a device sleeps; the core reads the wall clock at least this often. */
const LONGEST_TIMER = 30_000;
/** After how many milliseconds the changes that the storage has refused are repeated. */
const REWRITE_DELAY = 1_000;

/** A change of a stored value; without a value, it is deleted. */
interface Change {
  value: Json | null;
  sent: Sent | null;
}

export class Driver {
  core: Core | null = null;
  private _socket: WebSocket | null = null;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _isRunning = false;
  /** The change that is being made. */
  private _writing: Promise<void> | null = null;
  /** The last change of each value that is not durable yet, in their order. */
  private readonly _changes = new Map<string, Change>();
  /** The keys of those that the storage has refused since it was last tried again. */
  private readonly _refused = new Set<string>();
  private _rewriteDue = 0;
  /** Resolved messages that the storage still has: a restart would send them again. */
  private readonly _held: Notification[] = [];
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
    const stored = await Promise.resolve(storage.load()).catch((error) => {
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
          if (!value && this._changes.get(key)?.value) this._write(key, { value, sent });
          this.input((now) => core.storageChanged(key, value, sent, now));
        },
        drains: (present) => this.input((now) => core.drain(this._withChanges(present), now)),
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
    this._rewrite();
    this.input((now) => this.core?.online(now));
  }

  /** Close the connection, and end everything when the storage has the last changes: other clients learn of them. */
  async stop(): Promise<void> {
    this._rewrite();
    this.input((now) => this.core?.stop(now));
    await this._written();
    for (const end of this._ends.splice(0)) end();
  }

  /** Resolve when all changes of the storage are durable or refused. */
  private async _written(): Promise<void> {
    while (this._writing) await this._writing;
  }

  /** Look after a sleep or a change of the network, which browsers report by events. */
  private _listen(): void {
    const { addEventListener, removeEventListener, document } = globalThis;
    const awake = () => {
      if (document?.visibilityState !== "hidden") this._chat.online();
    };
    for (const name of ["online", "pageshow", "focus", "visibilitychange"]) {
      addEventListener?.(name, awake);
      this._ends.push(() => removeEventListener?.(name, awake));
    }
  }

  /** Carry out the outputs in their order: an attempt to send is durable before its frame is sent. */
  private async _run(): Promise<void> {
    const core = this.core;
    if (this._isRunning || !core) return;
    this._isRunning = true;
    for (const output of core.outputs()) {
      if (this._writing && /^(send|post|resolved)$/.test(output.kind)) {
        this._chat.settled();
        await this._written();
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
    const core = this.core!;
    clearTimeout(this._timer);
    const delay = core.nextTimer(Date.now());
    if (delay === null) return;
    const rewriteDelay = Math.min(this._rewriteDue - Date.now(), REWRITE_DELAY);
    const longest = this._refused.size ? rewriteDelay : LONGEST_TIMER;
    const wake = (now: number) => {
      this._rewrite();
      core.advance(now);
    };
    this._timer = setTimeout(() => this.input(wake), Math.min(delay, longest));
  }

  /** Order a change of the storage, after the others; it waits with them while the storage refuses one. */
  private _write(key: string, change: Change): void {
    this._changes.set(key, change);
    if (!this._refused.size) this._makeNext();
  }

  /** Try again what the storage has refused. */
  private _rewrite(): void {
    this._refused.clear();
    this._makeNext();
  }

  /** Make the next change, and the others after it. */
  private _makeNext(): void {
    if (this._writing) return;
    const next = this._next();
    if (next) {
      this._writing = this._attempt(...next).finally(() => {
        this._writing = null;
        this._makeNext();
      });
    } else if (this._refused.size) {
      this._rewriteDue = Date.now() + REWRITE_DELAY;
      this._plan();
    }
  }

  /**
   * Return the next change to make. While one is refused, no later message is saved: another client sends messages in
   * the order in which they are stored. Deletions are made, as they make room.
   */
  private _next(): [string, Change] | undefined {
    let isRefused = false;
    for (const entry of this._changes) {
      const [key, { value }] = entry;
      if (this._refused.has(key)) isRefused = true;
      else if (!isRefused || !value || !key.startsWith(ITEM_KEY)) return entry;
    }
    return;
  }

  private async _attempt(key: string, change: Change): Promise<void> {
    const { value, sent } = change;
    try {
      await (value ? this._storage.save(key, value) : this._storage.forget(key, sent));
    } catch (error) {
      this._refused.add(key);
      this._chat.failed(error);
      return;
    }
    if (this._changes.get(key) === change) this._changes.delete(key); // else a later one of the value follows
    for (const held of this._held.splice(0)) this._carryOut(held);
  }

  /** Return what the storage will have when it has all changes of this client. */
  private _withChanges(stored: Record<string, Json>): Record<string, Json> {
    const values = new Map(Object.entries(stored));
    for (const [key, { value }] of this._changes) {
      if (value) values.set(key, value);
      else values.delete(key);
    }
    return Object.fromEntries(values);
  }

  private _carryOut(output: Output): void {
    switch (output.kind) {
      case "save":
        this._write(output.key, { value: output.value, sent: null });
        break;
      case "forget":
        this._write(output.key, { value: null, sent: output.sent });
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
        if (output.kind === "resolved" && [...this._changes.values()].some(({ value }) => !value)) this._held.push(output);
        else this._chat.notify(output);
    }
  }

  private async _requestToken(): Promise<void> {
    const core = this.core!;
    try {
      const token = await this._options.token();
      this.input((now) => core.tokenReceived(token, now));
    } catch (error) {
      this._chat.failed(error);
      this.input((now) => core.tokenFailed(now));
    }
  }

  private _connect(number: number, token: Credential): void {
    const core = this.core!;
    let isOpen = false;
    let socket: WebSocket | undefined;
    const closed = async () => {
      const isOurs = socket && socket === this._socket; // not closed by this client
      const retryAfter = isOpen || !isOurs || typeof token !== "string" ? 0 : await this._probe(token);
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
      if (frame.type === "disconnect" && !frame.reconnect) {
        this._chat.failed(chatError({ ...frame, message: frame.reason }));
      }
    };
    socket.onclose = closed;
    socket.onerror = () => {}; // followed by onclose
  }

  /** Learn by HTTP why a handshake was refused; return how many milliseconds to wait at least. */
  private async _probe(token: string): Promise<number> {
    try {
      await this._http.request("GET", "/me", undefined, token);
    } catch (error) {
      if (error instanceof ChatError && error.status) this._chat.failed(error);
      if (error instanceof ChatError) return error.retryAfter * 1_000;
    }
    return 0;
  }

  private async _post(requestId: string, commands: Json[]): Promise<void> {
    let body: Json | null;
    try {
      body = { type: "batch_result", ...(await this._http.request("POST", "/batch", { commands })) };
    } catch (error) {
      const known = error instanceof ChatError && error.status ? error : null;
      body = known && { ...known.details, type: "error", retryable: known.isRetryable };
    }
    this.input((now) => this.core!.batchPosted(requestId, body, now));
  }
}

/** Return a frame, or null for anything else. */
function parsed(data: unknown): Json | null {
  try {
    const frame = JSON.parse(String(data));
    return frame && typeof frame === "object" ? frame : null;
  } catch {
    return null;
  }
}
