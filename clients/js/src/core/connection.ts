/** The connection: a socket that is opened, kept alive, rotated, and opened again after a backoff. */

import type { Context } from "./context.ts";
import type { Json, Status } from "./outputs.ts";
import { ANSWER_TIMEOUT, Backoff, retryAfter } from "./retries.ts";

const TOKEN_TIMEOUT = 30_000;
/** Within how many milliseconds HTTP must give the reason of a refused handshake. */
const PROBE_TIMEOUT = 15_000;
const PONG_TIMEOUT = 5_000;
/** After how many milliseconds a connection is replaced: API Gateway ends it after two hours. */
const ROTATION = 6_600_000;
const ROTATION_JITTER = 600_000;
/** How long before its expiry a token is renewed, or half of its lifetime if that is less. */
const RENEWAL_MARGIN = 60_000;
/** After how long to renew a token that has expired by the client's own clock, which may be wrong. */
const UNKNOWN_LIFETIME = 60_000;
const DEFAULT_PING_INTERVAL = 240_000;

/** One WebSocket at a time, each with a new token from the callback. */
export class Connection {
  state: Status = "stopped";
  private readonly _backoff: Backoff;
  private readonly _renewals: Backoff;
  private _socket = 0;
  private _stepDue = Infinity;
  private _pingInterval = DEFAULT_PING_INTERVAL;
  private _pingDue = Infinity;
  /** The deadlines of pongs, by the number of the first frame of their ping. */
  private readonly _awaited = new Map<number, number>();
  private _renewalDue = Infinity;
  private _isRenewing = false;
  private _rotationDue = Infinity;

  constructor(private readonly _context: Context) {
    this._backoff = new Backoff(_context.random);
    this._renewals = new Backoff(_context.random);
  }

  get isOpen(): boolean {
    return this.state === "open";
  }

  /** Whether `hello` was sent on the socket. */
  get isGreeted(): boolean {
    return this.isOpen || this.state === "greeting";
  }

  /** Whether there is a socket, open or not. */
  private get _hasSocket(): boolean {
    return this.isGreeted || this.state === "connecting";
  }

  /** Return whether an input is about the socket in use. */
  isCurrent(socket: number): boolean {
    return socket === this._socket && this._hasSocket;
  }

  start(now: number): void {
    if (this.state === "stopped") this._connect(now);
  }

  /** Close the socket, and do not connect again. */
  stop(): void {
    this._enter("stopped");
  }

  /** Begin anew if there is no connection yet; test an open one by a ping. */
  online(now: number): void {
    if (this.isOpen) this._pingDue = now;
    else if (this.state === "waiting" || this._hasSocket) this._connect(now);
  }

  /** Use a token for the handshake, or to renew that of the open connection. A ticket is for another connection. */
  tokenReceived(token: string | { ticket: string }, now: number): void {
    if (this._isRenewing && typeof token !== "string") this._enter("authenticating");
    if (this.state === "authenticating") {
      this._enter("connecting", now + ANSWER_TIMEOUT);
      this._context.outputs.push({ kind: "connect", socket: ++this._socket, token });
    } else if (this._isRenewing) {
      this._isRenewing = false;
      this._renewalDue = now + this._renewals.next(ANSWER_TIMEOUT);
      this._context.send("auth", { token });
    }
  }

  /** Wait before the callback is called again. */
  tokenFailed(now: number): void {
    if (this.state === "authenticating") {
      this.lost(now);
    } else if (this._isRenewing) {
      this._isRenewing = false;
      this._renewalDue = now + this._renewals.next();
    }
  }

  /** Await the reason of a refusal. */
  refused(now: number): void {
    this._enter("connecting", now + PROBE_TIMEOUT);
  }

  /** Await the answer to `hello`, which the caller sends now. */
  opened(now: number): void {
    this._enter("greeting", now + ANSWER_TIMEOUT);
  }

  /** Close the socket, if it is not closed yet, and connect again after the backoff. */
  lost(now: number, minimum = 0): void {
    this._enter("waiting", now + this._backoff.next(minimum));
  }

  /** Begin to ping, and plan the rotation. */
  welcomed(welcome: Json, now: number): void {
    this._backoff.reset();
    this._pingInterval = welcome.ping_interval * 1_000 || DEFAULT_PING_INTERVAL;
    this._pingDue = now + this._pingInterval;
    this._rotationDue = now + ROTATION - this._context.random() * ROTATION_JITTER;
    this._enter("open");
  }

  /** Renew the token some time before it expires. */
  planRenewal(expiresAt: string, now: number, wallTime: number): void {
    this._renewals.reset();
    const lifetime = Date.parse(expiresAt) - wallTime;
    this._renewalDue = now + (lifetime > 0 ? Math.max(lifetime - RENEWAL_MARGIN, lifetime / 2) : UNKNOWN_LIFETIME);
  }

  /** Renew the token at once: the server does not accept it any more. */
  tokenExpired(now: number): void {
    if (this.isOpen && !this._isRenewing) this._renew(now);
  }

  /** Note that the connection is alive: a pong answers the earlier pings, too, but no later one. */
  ponged(frame: Json): void {
    for (const id of this._awaited.keys()) if (id <= frame.id) this._awaited.delete(id);
  }

  /** Connect again, unless the server forbids it. */
  disconnectedByServer(frame: Json, now: number): void {
    if (frame.reconnect) this.lost(now, retryAfter(frame));
    else this.stop();
  }

  get due(): number {
    return Math.min(this._stepDue, this._pingDue, this._renewalDue, this._rotationDue, ...this._awaited.values());
  }

  /** Let timers end; `heads` returns the positions to name in each of some pings. */
  advance(now: number, heads: () => Json[]): void {
    if (now >= this._stepDue) {
      if (this.state === "waiting") this._connect(now);
      else this.lost(now);
    }
    if (now >= Math.min(...this._awaited.values())) {
      this.lost(now);
    } else if (now >= this._rotationDue) {
      this._connect(now);
    } else {
      if (now >= this._pingDue) this._ping(now, heads());
      if (now >= this._renewalDue) this._renew(now);
    }
  }

  private _ping(now: number, pings: Json[]): void {
    this._pingDue = now + this._pingInterval;
    const ids = pings.map((heads) => this._context.send("ping", { heads }));
    this._awaited.set(+ids[0]!, now + PONG_TIMEOUT);
  }

  private _renew(now: number): void {
    this._isRenewing = true;
    this._renewalDue = now + TOKEN_TIMEOUT;
    this._context.outputs.push({ kind: "token" });
  }

  private _connect(now: number): void {
    this._enter("authenticating", now + TOKEN_TIMEOUT);
    this._context.outputs.push({ kind: "token" });
  }

  /** Enter a state that ends at a time at the latest. Those without a socket close it. */
  private _enter(state: Status, due = Infinity): void {
    const { outputs } = this._context;
    const before = this.state;
    const hadSocket = this._hasSocket;
    this.state = state;
    this._stepDue = due;
    if (hadSocket && !this._hasSocket) outputs.push({ kind: "disconnect", socket: this._socket });
    if (!this.isOpen) {
      this._pingDue = this._renewalDue = this._rotationDue = Infinity;
      this._awaited.clear();
      this._isRenewing = false;
    }
    if (before !== state) outputs.push({ kind: "status", status: state });
  }
}
