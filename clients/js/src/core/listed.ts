/** A conversation of the list, which is the same in whichever order pages and pushes arrive. */

import type { Json } from "./outputs.ts";
import { asMessage, camelCased, type Message } from "./view.ts";

/** Whether the participant has archived or pinned a conversation, or muted its notifications. */
export interface PersonalState {
  /** Whether it is out of the way: its unread messages are not in the total. */
  readonly archived: boolean;
  /** Whether it precedes the others. */
  readonly pinned: boolean;
  /** Whether the product sends no notifications of its messages. */
  readonly notificationsMuted: boolean;
}

/** The other participant of a direct conversation. */
export interface OtherParticipant {
  /** The id. */
  readonly participantId: string;
  /** The name of the profile, or the one with which the conversation began. */
  readonly name: string;
  /** Whether it is a person or a program. */
  readonly type: "human" | "agent";
  /** The picture in the participant's profile. */
  readonly avatarUrl?: string;
}

/** A conversation of the participant. */
export interface Conversation {
  /** The id, for `Chat.open`. */
  readonly conversationId: string;
  /** The title; empty for a direct conversation. */
  readonly title: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** How many messages of others the participant has not read. */
  readonly unreadCount: number;
  /** The last event that the participant has read. */
  readonly readUpTo: number;
  /** The newest message, in its current state. A long text can be cut. */
  readonly lastMessage: Message | null;
  /** How many participants it has. */
  readonly participantCount?: number;
  /** `open` if everyone may join, else `invite`. */
  readonly joinPolicy?: string;
  /** Data of the product. */
  readonly metadata?: Json;
  /** The state for the participant alone. */
  readonly me?: PersonalState;
  /** Whether it is the direct conversation of two participants, which has no title. */
  readonly direct?: boolean;
  /** The other participant of a direct conversation: its title and picture. Absent after their erasure. */
  readonly other?: OtherParticipant;
  /** Further fields of the server. */
  readonly [field: string]: unknown;
}

/** The state of the view of an open conversation: the events from its marked start up to its position. */
export interface RoomState {
  start: number;
  position: number;
  events: readonly Json[];
  readUpTo: number;
  unreadCount: number;
  lastMessage: Message | undefined;
}

/** One row. Its parts have heads: each is taken from the newest page or push that has it. */
export class Listed {
  row!: Conversation;
  /** The highest head that is known, and the number of messages up to it. */
  head = 0;
  /** The event up to which the row has everything, by a page or by the open room; a push has only a part. */
  private _whole = 0;
  private _count = 0;
  /** The newest head and read mark at which unread messages were counted; all messages there, and the unread ones. */
  private _read = [-1, 0, 0, 0] as readonly [number, number, number, number];
  private _titleHead = 0;
  private _messageHead = 0;

  /** @param entry - An entry of a page, or of `conversation_added`. */
  constructor(entry: Json) {
    this.paged(entry);
  }

  /** The time by which rows are sorted: that of the newest message. */
  get latest(): string {
    return this.row.lastMessage?.createdAt ?? this.row.createdAt;
  }

  /** Take over an entry of a page. */
  paged({ last_message = null, me, other, ...entry }: Json): void {
    const { title = entry.title, lastMessage = null } = this.row ?? {};
    const nested = { ...(me && { me: camelCased(me) }), ...(other && { other: camelCased(other) }) };
    this.row = { ...camelCased(entry), ...nested, title, lastMessage };
    this.pushed({ ...entry, last_message });
    this._whole = Math.max(this._whole, entry.head);
  }

  /** Return whether a frame with events, a head or a read mark differs from the row, so that a page has more. */
  lacks({ events, head = events?.at(-1)?.sequence_id, read_up_to }: Json): boolean {
    return head > this._whole || read_up_to > this._read[1];
  }

  /** Apply an `activity`, or the participant's own `read`, which has the unread count. */
  pushed({ head, message_count = 0, unread_count, read_up_to = 0, title, last_message }: Json): void {
    const changes: Json = {};
    if (title !== undefined && head >= this._titleHead) {
      changes.title = title;
      this._titleHead = head;
    }
    if (last_message !== undefined && head >= this._messageHead) {
      changes.lastMessage = last_message && asMessage(last_message);
      this._messageHead = head;
    }
    if (head >= this.head) {
      this.head = head;
      this._count = message_count;
    }
    if (unread_count !== undefined) this._counted(head, read_up_to, message_count, unread_count);
    this._show(changes);
  }

  /** Take over the state of the open room; returns whether its view begins too late for that. */
  followed({ start, position, events, readUpTo, unreadCount, lastMessage }: RoomState): boolean {
    if (position < this.head) return false; // its events are on their way
    if (start > this.head + 1) return true;
    const changes: Json = {};
    let isHidden = false;
    for (const { sequence_id, type, title, join_policy } of events.slice(Math.max(0, this._whole + 1 - start))) {
      if (type === "message" && sequence_id > this.head) this._count++;
      if (title !== undefined) changes.title = title;
      if (join_policy) changes.joinPolicy = join_policy;
      isHidden ||= !lastMessage && /^message_/.test(type); // of a message before the view
    }
    if (start <= this._whole + 1) this._whole = this._titleHead = position;
    if (lastMessage) {
      changes.lastMessage = lastMessage;
      this._messageHead = position;
    }
    this.head = position;
    this._counted(position, readUpTo, this._count, unreadCount);
    this._show(changes);
    return isHidden;
  }

  /** Take over the state for the participant alone. */
  personal(state: Json): void {
    this._set({ me: camelCased(state) });
  }

  /** Count from here on, unless this is of an older head or read mark. */
  private _counted(head: number, mark: number, ...counts: [number, number]): void {
    const [known, knownMark] = this._read;
    if (head > known || (head === known && mark >= knownMark)) this._read = [head, mark, ...counts];
  }

  private _show(changes: Json): void {
    const [, readUpTo, count, unread] = this._read;
    this._set({ ...changes, readUpTo, unreadCount: unread + Math.max(0, this._count - count) });
  }

  /** Make another row if a field changes. */
  private _set(changes: Json): void {
    if (Object.keys(changes).some((name) => changes[name] !== this.row[name])) this.row = { ...this.row, ...changes };
  }
}
