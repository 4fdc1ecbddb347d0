/** The outbox: sends each item until it is acknowledged or refused, once and in order for each conversation. */

import { Flights } from "./flights.ts";
import { isMessage, ITEM_KEY, refersToHistory, type Item } from "./items.ts";
import type { Json, Sent } from "./outputs.ts";

const OTHER_HISTORY = {
  code: "POSITION_UNKNOWN",
  message: "the data was restored",
};

/** Changes the items by actions of the user, by the log, and by other clients on the storage. */
export class Outbox extends Flights {
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
    for (const output of this._context.outputs) {
      // The driver has still to carry them out.
      if (output.kind === "save" && output.key.startsWith(ITEM_KEY)) items.set(output.key, output.value as Item);
      if (output.kind === "forget") items.delete(output.key);
    }
    for (const lane of this._lanes.values()) {
      for (const item of [...lane.items]) {
        if (items.has(item.key)) continue;
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

  addMessage(conversationId: string, clientMessageId: string, fields: Json, wallTime: number): void {
    this._queue(this._newItem(conversationId, "message", fields, wallTime, { clientMessageId }));
  }

  /**
   * Queue an update of a message, named by its sequence id or its clientMessageId. An edit or a deletion of a message
   * without an attempt is folded in. Throws RangeError if there is no such message in the outbox.
   */
  addUpdate(conversationId: string, command: string, target: number | string, fields: Json, wallTime: number): void {
    const place = this._resolved.get(String(target));
    const known = place?.sequenceId ?? target;
    if (typeof known === "number") {
      const { historyId } = place ?? this._context;
      this._queue(this._newItem(conversationId, command, fields, wallTime, { target: known, historyId }));
      return;
    }
    const message = this._message(conversationId, known);
    if (!this._foldIn(message, command, fields)) {
      this._queue(this._newItem(conversationId, command, fields, wallTime, { targetMessage: known }));
    }
  }

  /**
   * Send a failed message again, and with it the later ones that it holds. Throws RangeError if there is no such message
   * in the outbox.
   */
  retry(conversationId: string, clientMessageId: string): void {
    const message = this._message(conversationId, clientMessageId);
    if (!message.error || message.isGone) return;
    if (refersToHistory(message) && message.historyId !== this._context.historyId) {
      this._refuse(message, OTHER_HISTORY);
      return;
    }
    message.error = null;
    this._lane(conversationId).notBefore = 0;
    this._save(message);
  }

  /** Delete a failed message and its updates; the later messages are sent. */
  discard(conversationId: string, clientMessageId: string): void {
    const message = this._lane(conversationId).message(clientMessageId);
    if (message?.error) this._delete(message);
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

  private _message(conversationId: string, clientMessageId: string): Item {
    const message = this._lane(conversationId).message(clientMessageId);
    if (!message) throw new RangeError("no pending message " + clientMessageId);
    return message;
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
}
