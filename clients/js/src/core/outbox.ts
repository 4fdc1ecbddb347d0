/** The outbox: sends each item until it is acknowledged or refused, once and in order for each conversation. */

import { type Context, historyNumber, isRefusal, size } from "./context.ts";
import { commandOf, isMessage, Lane, refersToHistory, ITEM_KEY, type Item } from "./items.ts";
import type { Json, Place, Sent } from "./outputs.ts";
import { ANSWER_TIMEOUT, retryAfter } from "./retries.ts";

const MAX_BATCH = 24;
/** Bytes of a batch besides its commands, with a reserve. */
const ENVELOPE_BYTES = 100;
const LONGEST_ID = "0".repeat(16);
const OTHER_HISTORY = {
  type: "error",
  code: "POSITION_UNKNOWN",
  message: "The data was restored: it can be about another message now.",
  retryable: false,
};

interface Flight {
  items: Item[];
  deadline: number;
}

export class Outbox {
  /** Whether this client sends the items: of several on one storage, one does. */
  isDrainer = true;
  private _lanes = new Map<string, Lane>();
  private _flights = new Map<string, Flight>();
  private _lastNumber = 0;
  /** The places of messages by their clientMessageId: another client may still name them by that. */
  private _resolved = new Map<string, Sent>();

  /**
   * @param _writer - Distinguishes the items of several clients on one storage.
   * @param _seen - Returns the last event of a conversation that the user has read, or 0.
   */
  constructor(
    private readonly _context: Context,
    private readonly _writer: string,
    private readonly _seen: (conversationId: string) => number,
  ) {}

  /** Take over an item from storage, new or changed. */
  restore(stored: Item): void {
    const sent = this._resolved.get(stored.clientMessageId ?? "");
    if (sent) {
      this._context.forget(stored.key, sent); // saved by a client that did not know it
      return;
    }
    const lane = this._lane(stored.conversationId);
    const item = lane.items.find((known) => known.key === stored.key);
    if (item) Object.assign(item, stored);
    else lane.insert({ ...stored });
    this._lastNumber = Math.max(this._lastNumber, parseInt(stored.key.slice(ITEM_KEY.length)));
    const place = this._resolved.get(stored.targetMessage ?? "");
    if (place) this._target(lane.updatesOf(stored.targetMessage), place);
    this._changed(stored.conversationId);
  }

  /** Forget an item that another client on the storage has deleted, or sent. */
  forgotten(key: string, sent: Sent | null): void {
    for (const lane of this._lanes.values()) {
      const item = lane.items.find((known) => known.key === key);
      if (!item) continue;
      if (sent) this._target(lane.updatesOf(item.clientMessageId), sent);
      if (sent) this._acknowledge(lane, item, sent);
      else this._withdraw(item);
      this._remove(item);
    }
    if (sent) this._notify(sent);
  }

  /**
   * Begin to send the items of a storage. Those that it no longer has were sent or deleted; the news of that can come
   * later, so messages are shown until then.
   */
  takeOver(stored: Iterable<Item>): void {
    const items = new Map([...stored].map((item) => [item.key, item]));
    const saves = this._context.outputs.map((output) => output.kind === "save" && output.key);
    const kept = new Set([...items.keys(), ...saves]); // the driver has still to carry out the saves
    for (const lane of this._lanes.values()) {
      for (const item of [...lane.items]) {
        if (kept.has(item.key)) continue;
        if (isMessage(item)) item.isGone = true;
        else this._remove(item);
      }
    }
    for (const item of items.values()) this.restore(item);
    if (this._writer === "") this._deleteOrphans();
  }

  /** Delete all items: they are of another participant. */
  purge(): void {
    for (const lane of this._lanes.values()) {
      for (const item of lane.items) {
        this._context.forget(item.key);
        this._withdraw(item);
      }
    }
    this._lanes.clear();
    this._flights.clear();
  }

  /** Return the conversations that have, or had, items. */
  conversations(): Iterable<string> {
    return this._lanes.keys();
  }

  /** Return the messages that are not in the view, in their order, the acknowledged ones first. */
  pending(conversationId: string): Item[] {
    const lane = this._lanes.get(conversationId);
    return lane ? [...lane.acknowledged, ...lane.items.filter(isMessage)] : [];
  }

  addMessage(conversationId: string, clientMessageId: string, fields: Json): void {
    this._queue(this._newItem(conversationId, "message", fields, { clientMessageId }));
  }

  /**
   * Queue an update of a message, named by its sequence id or its clientMessageId. An edit or a deletion of a message
   * without an attempt is folded in. Throws RangeError if there is no such message in the outbox.
   */
  addUpdate(conversationId: string, command: string, target: number | string, fields: Json): void {
    const lane = this._lane(conversationId);
    const place = this._resolved.get(String(target));
    const known = place?.sequenceId ?? target;
    if (typeof known === "number") {
      const { historyId } = place ?? this._context;
      this._queue(this._newItem(conversationId, command, fields, { target: known, historyId }));
      return;
    }
    const message = lane.message(known);
    if (!message) throw new RangeError("no pending message has the id " + known);
    if (!this._foldIn(message, command, fields)) {
      this._queue(this._newItem(conversationId, command, fields, { targetMessage: known }));
    }
  }

  /** Send a failed message again, and with it the later ones that it holds. */
  retry(conversationId: string, clientMessageId: string): void {
    const lane = this._lane(conversationId);
    const message = lane.message(clientMessageId);
    if (!message?.error || message.isGone) return;
    if (refersToHistory(message) && message.historyId !== this._context.historyId) {
      this._refuse(message, OTHER_HISTORY);
      return;
    }
    message.error = null;
    lane.notBefore = 0;
    this._save(message);
  }

  /** Delete a failed message and its updates; the later messages are sent. */
  discard(conversationId: string, clientMessageId: string): void {
    const message = this._lane(conversationId).message(clientMessageId);
    if (message?.error) this._delete(message);
  }

  /** Send all items that may be sent. */
  flush(now: number): void {
    if (!this.isDrainer) return;
    for (let batch; (batch = this._nextBatch(now)).length; ) this._send(batch, now);
  }

  /** Apply an answer; return whether it belongs to the outbox. */
  replied(frame: Json, now: number): boolean {
    const flight = this._flights.get(String(frame.id));
    if (!flight) return false;
    const { items } = flight;
    this._land(String(frame.id), flight);
    const results: Json[] = frame.results ?? [];
    if (results.length === items.length) items.forEach((item, index) => this._answered(item, results[index]!, now));
    else if (items.length === 1) this._answered(items[0]!, frame, now);
    else if (isRefusal(frame)) for (const item of items) item.isAlone = true;
    else this._delay(items, now, retryAfter(frame));
    return true;
  }

  /** Resolve the messages that are among these events of the log: their acknowledgements may be lost. */
  seen(conversationId: string, events: readonly Json[], now: number): void {
    const lane = this._lanes.get(conversationId);
    if (!lane?.items.length) return;
    for (const event of events) {
      if (event.type !== "message" || event.sender.participant_id !== this._context.me) continue;
      const message = lane.message(event.client_message_id);
      const place = this._place(event.sequence_id);
      if (!message) {
        this._target(lane.updatesOf(event.client_message_id), place);
        continue;
      }
      if (message.error || lane.flightId === null) lane.notBefore = now;
      this._sent(message, place);
    }
  }

  /** Forget acknowledged messages that are in the view up to this position; null if it is not open. */
  shown(conversationId: string, position: number | null): void {
    const lane = this._lanes.get(conversationId)!;
    // Another client can be in a newer history already.
    lane.acknowledged = lane.acknowledged.filter(
      (item) => position !== null && (item.sequenceId! > position || item.historyId !== this._context.historyId),
    );
  }

  /**
   * Send the unacknowledged messages again; fail or discard the items that name a sequence id. Those that were queued
   * before any history was known are of the first one.
   */
  historyChanged(isFirst: boolean): void {
    this.disconnected();
    const { historyId } = this._context;
    for (const lane of this._lanes.values()) {
      lane.acknowledged = lane.acknowledged.filter((item) => item.historyId === historyId); // by another client
      lane.notBefore = 0;
      for (const item of [...lane.items]) {
        if (item.isGone || !refersToHistory(item) || item.historyId === historyId) continue;
        if (isFirst && item.historyId === null) {
          item.historyId = historyId;
          if (this.isDrainer) this._save(item);
        } else if (!item.error) this._refuse(item, OTHER_HISTORY);
      }
    }
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

  private _lane(conversationId: string): Lane {
    let lane = this._lanes.get(conversationId);
    if (!lane) this._lanes.set(conversationId, (lane = new Lane(this._context.random)));
    return lane;
  }

  private _newItem(conversationId: string, command: string, fields: Json, other: Partial<Item>): Item {
    return {
      key: ITEM_KEY + String(++this._lastNumber).padStart(16, "0") + this._writer,
      conversationId,
      command,
      fields,
      clientMessageId: null,
      target: null,
      targetMessage: null,
      historyId: fields.reply_to != null ? this._context.historyId : null,
      isAttempted: false,
      error: null,
      sequenceId: null,
      ...other,
    };
  }

  private _queue(item: Item): void {
    this._lane(item.conversationId).insert(item);
    this._save(item);
  }

  private _save(item: Item): void {
    const { isAlone: _, isUnmarked: __, isGone: ___, ...value } = item;
    this._context.save(item.key, value);
    this._changed(item.conversationId);
  }

  private _changed(conversationId: string): void {
    this._context.notify("outbox", conversationId);
  }

  private _remove(item: Item): void {
    const { items } = this._lane(item.conversationId);
    items.splice(items.indexOf(item), 1);
    this._changed(item.conversationId);
  }

  private _delete(item: Item): void {
    for (const update of this._lane(item.conversationId).updatesOf(item.clientMessageId)) this._delete(update);
    this._context.forget(item.key);
    this._withdraw(item);
    this._remove(item);
  }

  private _withdraw({ command, conversationId, clientMessageId }: Item): void {
    if (command === "message") this._context.notify("withdrawn", conversationId, { clientMessageId });
  }

  /** Delete updates whose message left the storage: they have no target any more. */
  private _deleteOrphans(): void {
    for (const lane of this._lanes.values()) {
      for (const item of [...lane.items]) {
        if (item.targetMessage !== null && !lane.message(item.targetMessage)) this._delete(item);
      }
    }
  }

  /** Change a message that was never attempted; return whether that was possible. */
  private _foldIn(message: Item, command: string, fields: Json): boolean {
    // Another client may begin an attempt at any time.
    const isFree = !message.isAttempted && this.isDrainer && !message.isGone;
    if (command === "edit" && isFree && !message.error) {
      message.fields = { ...message.fields, ...fields };
      this._save(message);
      return true;
    }
    if (command === "delete" && (isFree || message.error)) {
      this._delete(message);
      return true;
    }
    return false;
  }

  /** Return items for one frame, from conversations without a flight. */
  private _nextBatch(now: number): Item[] {
    const batch: Item[] = [];
    let free = this._context.frameBytes - ENVELOPE_BYTES;
    for (const lane of this._lanes.values()) {
      if (lane.flightId !== null || now < lane.notBefore) continue;
      for (const item of lane.sendable()) {
        const needed = size(this._command(item, LONGEST_ID)) + 1;
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

  /** Hold a message as failed; discard an update, which never holds anything. */
  private _refuse(item: Item, error: Json): void {
    if (isMessage(item)) {
      item.error = error;
      this._save(item);
    } else {
      this._delete(item);
    }
    const { conversationId, command, clientMessageId } = item;
    this._context.notify("refused", conversationId, { command, clientMessageId, error });
  }

  /** Take an item that is in the log out of the outbox; its updates get the sequence id first. */
  private _sent(item: Item, place: Place): void {
    const { conversationId, clientMessageId, key } = item;
    const sent = { conversationId, clientMessageId, ...place };
    const lane = this._lane(conversationId);
    this._target(lane.updatesOf(clientMessageId), place);
    this._acknowledge(lane, item, place);
    this._context.forget(key, sent); // before it is resolved: it must never be sent again
    this._remove(item);
    this._notify(sent);
  }

  private _acknowledge(lane: Lane, item: Item, { sequenceId, historyId }: Place): void {
    if (!isMessage(item) || historyNumber(historyId) < historyNumber(this._context.historyId)) return;
    lane.acknowledged.push(Object.assign(item, { sequenceId, historyId, error: null }));
  }

  private _notify(sent: Sent): void {
    if (sent.clientMessageId === null) return;
    this._resolved.set(sent.clientMessageId, sent);
    this._context.notify("resolved", sent.conversationId, sent);
  }

  private _place(sequenceId: number): Place {
    return { sequenceId, historyId: this._context.historyId };
  }

  /** Let updates of a message be sent: it has a sequence id. Only the drainer stores that. */
  private _target(updates: Item[], { sequenceId, historyId }: Place): void {
    for (const update of updates) {
      Object.assign(update, { target: sequenceId, targetMessage: null, historyId });
      if (this.isDrainer) this._save(update);
    }
  }
}
