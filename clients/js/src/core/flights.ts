/** Sends the items of the outbox, and applies the answers: at most one command or batch of a conversation at a time. */

import { isRefusal, size } from "./context.ts";
import { commandOf, type Item } from "./items.ts";
import type { Json } from "./outputs.ts";
import { Queue } from "./queue.ts";
import { ANSWER_TIMEOUT, retryAfter } from "./retries.ts";

const MAX_BATCH = 24;
/** Bytes of a batch besides its commands, and of their ids, with a reserve. */
const ENVELOPE_BYTES = 500;

interface Flight {
  items: Item[];
  deadline: number;
}

/** Sends each item until it is answered for good. */
export class Flights extends Queue {
  protected _flights = new Map<string, Flight>();

  /** Send all items that may be sent. */
  flush(now: number): void {
    if (!this.isDrainer) return;
    for (let batch; (batch = this._nextBatch(now)).length; ) this._send(batch, now);
  }

  /** Apply an answer; return whether it belongs to the outbox. */
  replied(frame: Json, now: number): boolean {
    const flight = this._flights.get(frame.id);
    if (!flight) return false;
    const { items } = flight;
    this._land(frame.id, flight);
    const results: Json[] = frame.results ?? [];
    if (results.length === items.length) items.forEach((item, index) => this._answered(item, results[index]!, now));
    else if (items.length === 1) this._answered(items[0]!, frame, now);
    else if (isRefusal(frame)) for (const item of items) item.isAlone = true;
    else this._delay(items, now, retryAfter(frame));
    return true;
  }

  /** Await no answers any more: the next connection sends the items again. */
  disconnected(): void {
    for (const [id, flight] of this._flights) this._land(id, flight);
  }

  /** End all delays, and send the items without an answer again. */
  hurry(): void {
    this.disconnected();
    for (const lane of this._lanes.values()) {
      lane.notBefore = 0;
      lane.reset();
    }
  }

  /** Shorten the delays: the token is valid again. None ends, as the server may refuse this one, too. */
  renewed(now: number): void {
    for (const lane of this._lanes.values()) lane.renewed(now);
  }

  nextTimer(now: number): number {
    const delays = [...this._lanes.values()]
      .filter((lane) => lane.flightId === null && lane.notBefore > now && lane.sendable().length)
      .map((lane) => lane.notBefore);
    return this.isDrainer ? Math.min(...delays, ...[...this._flights.values()].map((f) => f.deadline)) : Infinity;
  }

  /** Give up the flights whose answer is overdue. */
  advance(now: number): void {
    for (const [id, flight] of this._flights) {
      if (now < flight.deadline) continue;
      this._land(id, flight);
      this._delay(flight.items, now, 0);
    }
  }

  /** Return items for one frame, from conversations without a flight. */
  private _nextBatch(now: number): Item[] {
    const batch: Item[] = [];
    let free = this._context.frameBytes - ENVELOPE_BYTES;
    for (const lane of this._lanes.values()) {
      if (lane.flightId !== null || now < lane.notBefore) continue;
      for (const item of lane.sendable()) {
        const needed = size(this._command(item, "")) + 1;
        const isFull = batch.length === MAX_BATCH || needed > free || item.isAlone || batch[0]?.isAlone;
        if (batch.length && isFull) break;
        batch.push(item);
        free -= needed;
      }
    }
    return batch;
  }

  private _command(item: Item, id: string): Json {
    const seen = item.isUnmarked ? 0 : this._seen(item.conversationId);
    return commandOf(item, id, seen, this._context.historyId);
  }

  /** Record the attempt, and send the items as one frame, or by HTTP if they do not fit into one. */
  private _send(batch: Item[], now: number): void {
    for (const item of batch) {
      if (!item.isAttempted) {
        item.isAttempted = true;
        this._save(item);
      }
    }
    const { outputs, frameBytes } = this._context;
    const requestId = this._context.nextId();
    const isSingle = batch.length === 1;
    const commands = batch.map((item) => this._command(item, isSingle ? requestId : this._context.nextId()));
    if (size(commands[0]!) > frameBytes) outputs.push({ kind: "post", requestId, commands });
    else {
      const frame = isSingle ? commands[0]! : { type: "batch", id: requestId, commands };
      outputs.push({ kind: "send", frame, hasItems: true });
    }
    this._flights.set(requestId, { items: batch, deadline: now + ANSWER_TIMEOUT });
    for (const item of batch) this._lane(item.conversationId).flightId = requestId;
  }

  private _land(id: string, { items }: Flight): void {
    this._flights.delete(id);
    for (const item of items) this._lane(item.conversationId).flightId = null;
  }

  private _delay(items: Item[], now: number, minimum: number): void {
    for (const name of new Set(items.map((item) => item.conversationId))) this._lane(name).delay(now, minimum);
  }

  private _answered(item: Item, frame: Json, now: number): void {
    const lane = this._lane(item.conversationId);
    if (!lane.items.includes(item)) return; // it was seen in the log before
    if (isRefusal(frame) && !item.isUnmarked && frame.details?.some?.((detail: Json) => detail.path === "seen")) {
      item.isUnmarked = true; // the mark can be of data that was restored meanwhile
    } else if (isRefusal(frame)) {
      this._refuse(item, frame);
    } else if (frame.sequence_id && frame.history_id && frame.history_id === this._context.historyId) {
      lane.reset();
      this._sent(item, this._place(frame.sequence_id));
    } else if (frame.code !== "NOT_ATTEMPTED" && lane.notBefore <= now) {
      lane.delay(now, retryAfter(frame));
    }
  }
}
