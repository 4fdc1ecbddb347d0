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

/** Makes entries, and returns the same objects for unchanged messages and events. */
export class Entries {
  private readonly known = new WeakMap<object, Entry>();

  make(messages: readonly Message[], events: readonly Json[], me: string): Entry[] {
    const entries: Entry[] = [];
    const notices = events.filter(isNotice);
    let next = 0;
    for (const message of messages) {
      const place = message.status === "sent" ? message.sequenceId! : Infinity;
      while (next < notices.length && notices[next]!.sequence_id < place) entries.push(this.notice(notices[next++]!));
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

function isNotice(event: Json): boolean {
  if (!NOTICES.test(event.type)) return false;
  if (event.type === "conversation_updated") return "title" in event;
  return event.type !== "participant_updated" || !("muted_until" in event.participant);
}
