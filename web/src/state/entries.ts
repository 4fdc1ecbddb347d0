/** The entries of a message list: messages, and notices about members and settings between them. */

import type { Json, Message } from "serverless-chat";

/** An event of the log that is shown as one line between the messages. */
export interface Notice {
  readonly kind: "notice";
  readonly key: string;
  readonly sequenceId: number;
  readonly createdAt: string;
  readonly event: Json;
}

/** A message with a key that stays the same when it is acknowledged. */
export interface MessageEntry {
  readonly kind: "message";
  readonly key: string;
  readonly sequenceId: number | null;
  readonly createdAt: string | null;
  readonly message: Message;
}

export type Entry = Notice | MessageEntry;

const NOTICES = /^(conversation_created|conversation_updated|participant_(joined|left|updated))$/;

/**
 * Makes entries, and returns the same objects for unchanged messages and events. A new message costs the comparison of
 * the known ones with those before, and nothing else.
 */
export class Entries {
  private readonly known = new WeakMap<object, Entry>();
  private messages: readonly Message[] = [];
  private entries: readonly Entry[] = [];
  private notices: Json[] = [];
  private events: readonly Json[] = [];
  private eventCount = 0;

  make(messages: readonly Message[], events: readonly Json[], me: string): readonly Entry[] {
    const areNewer = events === this.events && events.length >= this.eventCount;
    const notices = areNewer ? events.slice(this.eventCount).filter(isNotice) : events.filter(isNotice);
    const same = areNewer ? samePrefix(messages, this.messages) : 0;
    const isUnchanged = areNewer && !notices.length && same === messages.length && same === this.messages.length;
    this.notices = areNewer ? [...this.notices, ...notices] : notices;
    this.events = events;
    this.eventCount = events.length;
    if (!isUnchanged) this.entries = this.merge(messages, same, me);
    this.messages = messages;
    return this.entries;
  }

  /** Keep the entries up to the last unchanged message, and make those after it. */
  private merge(messages: readonly Message[], same: number, me: string): Entry[] {
    const last = messages[same - 1];
    let kept = last ? this.entries.length : 0;
    while (kept > 0 && !isOf(this.entries[kept - 1]!, last!)) kept--;
    const entries = this.entries.slice(0, kept);
    const { notices } = this;
    const place = last?.status === "sent" ? last.sequenceId! : last ? Infinity : 0;
    let next = notices.length;
    while (next > 0 && notices[next - 1]!.sequence_id > place) next--;
    for (let index = same; index < messages.length; index++) {
      const message = messages[index]!;
      const before = message.status === "sent" ? message.sequenceId! : Infinity;
      while (next < notices.length && notices[next]!.sequence_id < before) entries.push(this.notice(notices[next++]!));
      entries.push(this.message(message, me));
    }
    while (next < notices.length) entries.push(this.notice(notices[next++]!));
    return entries;
  }

  private message(message: Message, me: string): Entry {
    const known = this.known.get(message);
    if (known) return known;
    const isOwn = message.sender?.participantId === me && message.clientMessageId !== null;
    const key = isOwn ? "c" + message.clientMessageId : "s" + message.sequenceId;
    const { sequenceId, createdAt } = message;
    const entry: Entry = { kind: "message", key, sequenceId, createdAt, message };
    this.known.set(message, entry);
    return entry;
  }

  private notice(event: Json): Entry {
    const known = this.known.get(event);
    if (known) return known;
    const { sequence_id: sequenceId, created_at: createdAt } = event;
    const entry: Entry = { kind: "notice", key: "s" + sequenceId, sequenceId, createdAt, event };
    this.known.set(event, entry);
    return entry;
  }
}

const isOf = (entry: Entry, message: Message): boolean => entry.kind === "message" && entry.message === message;

/** Return how many items at the beginning of two lists are the same. */
function samePrefix(one: readonly Message[], other: readonly Message[]): number {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) if (one[index] !== other[index]) return index;
  return length;
}

function isNotice(event: Json): boolean {
  if (!NOTICES.test(event.type)) return false;
  if (event.type === "conversation_updated") return "title" in event;
  return event.type !== "participant_updated" || !("muted_until" in event.participant);
}
