/** Backoff, and requests that are repeated until they are answered. A time of `Infinity` never comes. */

import type { Random } from "./context.ts";
import type { Json } from "./outputs.ts";

/** After how many milliseconds without an answer a request is repeated. */
export const ANSWER_TIMEOUT = 10_000;
const MAX_DELAY = 30_000;

/** Return the milliseconds of `retry_after`. */
export const retryAfter = (frame: Json): number => (frame.retry_after ?? 0) * 1_000;

/** Full jitter: before attempt n + 1 a random time from 0 to min(30, 2ⁿ) seconds. */
export class Backoff {
  private _attempts = 0;

  constructor(private readonly _random: Random) {}

  /** Return the milliseconds to wait after another failed attempt; `minimum` is waited in full. */
  next(minimum = 0): number {
    this._attempts = Math.min(this._attempts + 1, 10);
    return minimum + this._random() * Math.min(MAX_DELAY, 1_000 * 2 ** this._attempts);
  }

  /** Begin anew, after a success, or because the network is back. */
  reset(): void {
    this._attempts = 0;
  }
}

/** One request that is sent again after a timeout or a transient error, with a new frame id each time. */
export class RepeatedRequest extends Backoff {
  /** The frame that awaits an answer, or "". */
  id = "";
  due = Infinity;

  constructor(
    private readonly _send: () => string,
    random: Random,
  ) {
    super(random);
  }

  /** Whether an answer or another attempt is awaited. */
  get isRunning(): boolean {
    return this.due < Infinity;
  }

  start(now: number): void {
    this.sentAs(this._send(), now);
  }

  /** Await the answer to a frame that was sent already. */
  sentAs(frameId: string, now: number): void {
    this.id = frameId;
    this.due = now + ANSWER_TIMEOUT;
  }

  /** Send it some time later; never, if it is planned for then. */
  plan(due = Infinity): void {
    this.id = "";
    this.due = due;
  }

  /** Send it again after the backoff. */
  failed(now: number, minimum = 0): void {
    this.plan(now + this.next(minimum));
  }

  /** End it; the next one begins without backoff. */
  answered(): void {
    this.reset();
    this.plan();
  }

  /** Send it again now, if it is running: its frame may be lost. */
  hurry(now: number): void {
    this.reset();
    if (this.isRunning) this.start(now);
  }

  /** Let a timeout or a backoff end. */
  advance(now: number): void {
    if (now < this.due) return;
    if (this.id) this.failed(now);
    else this.start(now);
  }
}
