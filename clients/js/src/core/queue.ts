/** The items of the outbox in their lanes, each as it is in storage. */

import { type Context, historyNumber } from "./context.ts";
import { isMessage, ITEM_KEY, type Item, Lane } from "./items.ts";
import type { Json, Place, Sent } from "./outputs.ts";

/** Adds, changes and removes items, and orders the same of the storage. */
export class Queue {
  /** Whether this client sends the items: of several on one storage, one does. */
  isDrainer = true;
  protected _lanes = new Map<string, Lane>();
  protected _lastNumber = 0;
  /** The places of messages by their clientMessageId: another client may still name them by that. */
  protected _resolved = new Map<string, Sent>();

  /**
   * @param _writer - Distinguishes the items of several clients on one storage.
   * @param _seen - Returns the last event of a conversation that the user has read, or 0.
   */
  constructor(
    protected readonly _context: Context,
    protected readonly _writer: string,
    protected readonly _seen: (conversationId: string) => number,
  ) {}

  /** Return the conversations that have, or had, items. */
  conversations(): Iterable<string> {
    return this._lanes.keys();
  }

  /** Return the messages that are not in the view, in their order, the acknowledged ones first. */
  pending(conversationId: string): Item[] {
    const lane = this._lanes.get(conversationId);
    return lane ? [...lane.acknowledged, ...lane.items.filter(isMessage)] : [];
  }

  protected _lane(conversationId: string): Lane {
    let lane = this._lanes.get(conversationId);
    if (!lane) this._lanes.set(conversationId, (lane = new Lane(this._context.random)));
    return lane;
  }

  /** Return an item after all others: also after those of a storage that could not be read yet, as time goes on. */
  protected _newItem(conversationId: string, command: string, fields: Json, wallTime: number, other: Partial<Item>): Item {
    this._lastNumber = Math.max(this._lastNumber + 1, wallTime);
    return {
      key: ITEM_KEY + String(this._lastNumber).padStart(16, "0") + this._writer,
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

  protected _queue(item: Item): void {
    this._lane(item.conversationId).insert(item);
    this._save(item);
  }

  protected _save(item: Item): void {
    const { isAlone: _, isUnmarked: __, isGone: ___, ...value } = item;
    this._context.save(item.key, value);
    this._changed(item.conversationId);
  }

  protected _changed(conversationId: string): void {
    this._context.notify("outbox", conversationId);
  }

  protected _remove(item: Item): void {
    const { items } = this._lane(item.conversationId);
    items.splice(items.indexOf(item), 1);
    this._changed(item.conversationId);
  }

  protected _delete(item: Item): void {
    for (const update of this._lane(item.conversationId).updatesOf(item.clientMessageId)) this._delete(update);
    this._context.forget(item.key);
    this._withdraw(item);
    this._remove(item);
  }

  protected _withdraw({ conversationId, clientMessageId }: Item): void {
    if (clientMessageId) this._context.notify("withdrawn", conversationId, { clientMessageId });
  }

  /** Hold a message as failed; discard an update, which never holds anything. */
  protected _refuse(item: Item, error: Json): void {
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
  protected _sent(item: Item, place: Place): void {
    const { conversationId, clientMessageId, key } = item;
    const sent = { conversationId, clientMessageId, ...place };
    const lane = this._lane(conversationId);
    this._target(lane.updatesOf(clientMessageId), place);
    this._acknowledge(lane, item, place);
    this._context.forget(key, sent); // before it is resolved: it must never be sent again
    this._remove(item);
    this._notify(sent);
  }

  protected _acknowledge(lane: Lane, item: Item, { sequenceId, historyId }: Place): void {
    if (!isMessage(item) || historyNumber(historyId) < historyNumber(this._context.historyId)) return;
    lane.acknowledged.push(Object.assign(item, { sequenceId, historyId, error: null }));
  }

  protected _notify(sent: Sent): void {
    if (sent.clientMessageId === null) return;
    this._resolved.set(sent.clientMessageId, sent);
    this._context.notify("resolved", sent.conversationId, sent);
  }

  protected _place(sequenceId: number): Place {
    return { sequenceId, historyId: this._context.historyId };
  }

  /** Let updates of a message be sent: it has a sequence id. Only the drainer stores that. */
  protected _target(updates: Item[], { sequenceId, historyId }: Place): void {
    for (const update of updates) {
      Object.assign(update, { target: sequenceId, targetMessage: null, historyId });
      if (this.isDrainer) this._save(update);
    }
  }
}
