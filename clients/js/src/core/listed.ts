/** A conversation of the list, which is the same in whichever order pages and pushes arrive. */

import type { Json } from "./outputs.ts";
import { asMessage, camelCased, type Message } from "./view.ts";

/** Whether the participant has archived or pinned a conversation, or muted its notifications. */
export interface PersonalState {
  readonly archived: boolean;
  readonly pinned: boolean;
  readonly notificationsMuted: boolean;
}

/** The other participant of a direct conversation. */
export interface OtherParticipant {
  readonly participantId: string;
  readonly name: string;
  readonly type: "human" | "agent";
  /** The picture in the participant's profile. */
  readonly avatarUrl?: string;
}

/** A conversation of the participant. */
export interface Conversation {
  readonly conversationId: string;
  readonly title: string;
  readonly createdAt: string;
  /** How many messages of others the participant has not read. */
  readonly unreadCount: number;
  /** The newest message, in its current state. A long text can be cut. */
  readonly lastMessage: Message | null;
  readonly participantCount?: number;
  readonly joinPolicy?: string;
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

/** The state that the view of an open conversation knows. */
export interface RoomState {
  position: number;
  readUpTo: number;
  unreadCount: number;
  lastMessage: Message | undefined;
}

/** One row. Its parts have heads: each is taken from the newest page or push that has it. */
export class Listed {
  row!: Conversation;
  /** The highest head that is known, and the number of messages up to it. */
  head = 0;
  private _count = 0;
  /** The newest head and read mark at which the server has counted, the messages there, and the unread ones of them. */
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
    const [known, mark] = this._read;
    if (unread_count !== undefined && (head > known || (head === known && read_up_to >= mark))) {
      this._read = [head, read_up_to, message_count, unread_count];
    }
    const [, , count, unread] = this._read;
    this._set({ ...changes, unreadCount: unread + Math.max(0, this._count - count) });
  }

  /** Take over the state of the open room; returns whether there are messages that it cannot count. */
  followed(events: readonly Json[], { position, readUpTo, unreadCount, lastMessage }: RoomState): boolean {
    const changes: Json = { unreadCount };
    const added = events.filter(({ sequence_id }) => sequence_id > this.head);
    const isBehind = added[0]?.sequence_id > this.head + 1;
    for (const { type, title, join_policy } of added) {
      if (type === "message") this._count++;
      if (title !== undefined) {
        changes.title = title;
        this._titleHead = position;
      }
      if (join_policy) changes.joinPolicy = join_policy;
    }
    if (lastMessage && lastMessage.sequenceId! >= (this.row.lastMessage?.sequenceId ?? 0)) {
      changes.lastMessage = lastMessage;
      this._messageHead = position;
    }
    this.head = Math.max(this.head, position);
    this._read = [this.head, readUpTo, this._count, unreadCount];
    this._set(changes);
    return isBehind;
  }

  /** Take over the state for the participant alone. */
  personal(state: Json): void {
    this._set({ me: camelCased(state) });
  }

  /** Make another row if a field changes. */
  private _set(changes: Json): void {
    if (Object.keys(changes).some((name) => changes[name] !== this.row[name])) this.row = { ...this.row, ...changes };
  }
}
