/** The read mark of a conversation: of marks within a second, the last one is sent, until the server has it. */

import { type Context, isRefusal } from "./context.ts";
import type { Json } from "./outputs.ts";
import { RepeatedRequest, retryAfter } from "./retries.ts";

/** How many milliseconds read marks are collected. */
const READ_DELAY = 1_000;

/** The mark of one conversation, open or closed. */
export class ReadMark extends RepeatedRequest {
  /** The mark that the server has not acknowledged; 0 if there is none. */
  wanted = 0;

  constructor(conversation_id: string, context: Context) {
    super(() => context.send("read", { conversation_id, sequence_id: this.wanted }), context.random);
  }

  /** Want the server to have a mark; without a connection, the next one sends it. */
  want(sequenceId: number, now: number, isOpen: boolean): void {
    this.wanted = sequenceId;
    if (isOpen && !this.isRunning) this.plan(now + READ_DELAY);
  }

  /** Send the mark, if there is one, on a new connection or before others can be collected. */
  sendNow(now: number): void {
    if (this.wanted) this.start(now);
  }

  /** Forget the mark: its history or the membership has ended. */
  drop(): void {
    this.wanted = 0;
    this.plan();
  }

  /** Apply an answer; return whether it was to this mark. */
  replied(frame: Json, now: number): boolean {
    if (frame.id !== this.id) return false;
    if (frame.type === "error" && !isRefusal(frame)) {
      this.failed(now, retryAfter(frame));
      return true;
    }
    this.answered();
    if (this.wanted > frame.read_up_to) this.plan(now + READ_DELAY);
    else this.wanted = 0;
    return true;
  }
}
