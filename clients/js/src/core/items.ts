/** The items of the outbox: messages and updates that are not known to be in the log yet. */

import type { Json } from "./outputs.ts";
import { Backoff } from "./retries.ts";

export const ITEM_KEY = "outbox/";

/** A command of the user, repeated until the server acknowledges or refuses it; stored as it is. */
export interface Item {
  /** The key in storage. Keys sort in the order of the items. */
  key: string;
  conversationId: string;
  /** `message`, `edit`, `delete`, `react` or `unreact`. */
  command: string;
  /** The fields that the user gave. */
  fields: Json;
  /** Of a message: the same in every attempt. */
  clientMessageId: string | null;
  /** Of an update: the sequence id of its message. */
  target: number | null;
  /** Of an update of a message that is not acknowledged: the clientMessageId of that message. */
  targetMessage: string | null;
  /** The history of the sequence ids in it; null if it has none. */
  historyId: string | null;
  /** Whether an attempt to send it was recorded; its fields are fixed from then on. */
  isAttempted: boolean;
  /** Why the server refused it. */
  error: Json | null;
  /** Its place in the log, once it is acknowledged. */
  sequenceId: number | null;
  /** Whether it is sent outside a batch, so that an error is about it alone. */
  isAlone?: boolean;
  /** Whether it is sent without a read mark, which the server has refused. */
  isUnmarked?: boolean;
  /** Whether it left the storage by another client, and it is not known yet whether that has sent or deleted it. */
  isGone?: boolean;
}

export const isMessage = (item: Item): boolean => item.command === "message";

/** Return whether an item names a sequence id, which is void in another history. */
export const refersToHistory = (item: Item): boolean => item.target !== null || item.fields.reply_to != null;

/** Return the command that sends an item. `seen` is the last event that the user has read, in the present history. */
export function commandOf(item: Item, id: string, seen: number, present: string | null): Json {
  const command: Json = { type: item.command, id, conversation_id: item.conversationId };
  if (item.clientMessageId !== null) command.client_message_id = item.clientMessageId;
  if (item.target !== null) command.target = item.target;
  let named = refersToHistory(item) ? item.historyId : null;
  if (isMessage(item) && seen > 0) {
    command.seen = seen;
    named = present;
  }
  if (named !== null) command.history_id = named;
  return { ...command, ...item.fields };
}

/** The items of one conversation: at most one command or batch in flight; a failed message holds the later ones. */
export class Lane extends Backoff {
  items: Item[] = [];
  /** Messages that are in the log, but not in the view yet. */
  acknowledged: Item[] = [];
  flightId: string | null = null;
  notBefore = 0;
  /** The part of that which the server has asked for. */
  retryAt = 0;

  /** Add an item at its place in the order. */
  insert(item: Item): void {
    this.items.push(item);
    if (this.items.length > 1 && this.items.at(-2)!.key > item.key) {
      this.items.sort((one, other) => (one.key < other.key ? -1 : 1));
    }
  }

  /** Wait before the next attempt. */
  delay(now: number, minimum = 0): void {
    this.retryAt = now + minimum;
    this.notBefore = now + this.next(minimum);
  }

  /** Wait no longer than the server has asked for, or a second: the token is valid again. */
  renewed(now: number): void {
    this.notBefore = Math.min(this.notBefore, Math.max(now + 1_000, this.retryAt));
  }

  /** Return the unacknowledged message with this id. */
  message(clientMessageId: string | null | undefined): Item | undefined {
    return this.items.find((item) => isMessage(item) && item.clientMessageId === clientMessageId);
  }

  /** Return the items that may be sent now, in their order. */
  sendable(): Item[] {
    let isHeld = false;
    return this.items.filter((item) => {
      if (!isMessage(item)) return item.target !== null;
      if (item.isGone) return false;
      isHeld ||= item.error !== null;
      return !isHeld;
    });
  }

  /** Return the updates that wait for a message to get its sequence id. */
  updatesOf(clientMessageId: string | null): Item[] {
    return this.items.filter((item) => clientMessageId !== null && item.targetMessage === clientMessageId);
  }
}

