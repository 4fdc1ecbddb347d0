/** Messages as a reader sees them now: edits, deletions, reactions, erasures and retention folded in. */

import type { Json } from "./outputs.ts";

/** A participant as the sender of a message. */
export interface Sender {
  /** The id; a pseudonym after an erasure. */
  readonly participantId: string;
  /** The name at the time of the message. */
  readonly name: string | undefined;
  /** `human`, `agent` or `system`. */
  readonly type: string | undefined;
  /** `service` if a service of the product sent it for the participant. */
  readonly via?: string;
}

/** An emoji, and the ids of the participants that chose it, in their order. */
export interface Reaction {
  /** One user-perceived character. */
  readonly emoji: string;
  /** The ids of the participants that chose it. */
  readonly participants: readonly string[];
}

/** Why the server refused a command. */
export interface Refusal {
  /** The code of the protocol. */
  readonly code: string;
  /** An explanation in English, for developers. */
  readonly message: string;
  /** Further fields of the error. */
  readonly [detail: string]: unknown;
}

/** A message of the log, or one that waits in the outbox. It is never changed: an update makes another object. */
export interface Message {
  /** `sent`: in the log and in the view. `failed`: the server refused it; see `error`, `retry` and `discard`. */
  readonly status: "sent" | "pending" | "failed";
  /** Its place in the log; null until it is acknowledged. */
  readonly sequenceId: number | null;
  /** The id that the server has given it; null until it is in the view. */
  readonly messageId: string | null;
  /** The id that the sender's client has given it, by which a pending message is named. */
  readonly clientMessageId: string | null;
  /** ISO 8601; null until it is in the view. */
  readonly createdAt: string | null;
  /** Of a pending message: the own participant, once the server has named it. */
  readonly sender: Sender | null;
  /** Null if it is deleted or expired. */
  readonly content: string | null;
  /** The sequence id of the message that it replies to. */
  readonly replyTo: number | null;
  /** Participant ids. */
  readonly mentions: readonly string[];
  /** Data of the product. */
  readonly metadata: Json | null;
  /** The time of the last edit; null without one. */
  readonly editedAt: string | null;
  /** Whether it was deleted, or its sender erased: it keeps its place without content. */
  readonly isDeleted: boolean;
  /** Whether its content has expired by the retention of the deployment. */
  readonly isExpired: boolean;
  /** In the order of first use. */
  readonly reactions: readonly Reaction[];
  /** Why it failed. */
  readonly error: Refusal | null;
}

interface Erasure {
  sequence_id: number;
  participantId: string;
  pseudonym: string;
}

/** Shared by all messages that have none. */
const NONE: readonly never[] = [];
const EMPTIED = { content: null, mentions: NONE, metadata: null, editedAt: null, reactions: NONE };

/** Return the fields of a JSON object under names in camel case; values stay as they are. */
export const camelCased = (object: Json): any =>
  Object.fromEntries(
    Object.entries(object).map(([name, value]) => [name.replace(/_(.)/g, (_, letter) => letter.toUpperCase()), value]),
  );

const asSender = ({ participant_id: participantId, name, type, via }: Json): Sender => ({
  ...{ participantId, name, type },
  ...(via && { via }),
});

/** Return a message with the fields of the log or of the outbox. */
export const asMessage = (fields: Json): Message => ({
  status: "sent",
  sequenceId: fields.sequence_id ?? null,
  messageId: fields.message_id ?? null,
  clientMessageId: fields.client_message_id ?? null,
  createdAt: fields.created_at ?? null,
  sender: fields.sender ? asSender(fields.sender) : null,
  content: fields.content ?? null,
  replyTo: fields.reply_to ?? null,
  mentions: fields.mentions ?? NONE,
  metadata: fields.metadata ?? null,
  editedAt: fields.edited_at ?? null,
  isDeleted: !!fields.deleted_at,
  isExpired: !!fields.expired,
  reactions: NONE,
  error: null,
});

/** The messages among the events of a timeline. */
export class View {
  private _events = new Map<number, Json>();
  private _order: number[] = [];
  private _folded = new Map<number, Message>();
  private _updates = new Map<number, Json[]>();
  private _erasures: Erasure[] = [];
  private _expiredUpTo = 0;
  /** The result of `messages`, until something changes. */
  private _messages: readonly Message[] | null = null;

  /** Take in events of the timeline, newer or older than the others. */
  add(events: readonly Json[]): void {
    let isSorted = true;
    this._messages = null;
    for (const event of events) {
      const number: number = event.sequence_id;
      switch (event.type) {
        case "message":
          if (number < (this._order.at(-1) ?? 0)) isSorted = false;
          this._events.set(number, event);
          this._order.push(number);
          break;
        case "message_edited":
        case "message_deleted":
        case "reaction_added":
        case "reaction_removed": {
          const updates = this._updates.get(event.target);
          if (updates) updates.push(event);
          else this._updates.set(event.target, [event]);
          this._folded.delete(event.target);
          break;
        }
        case "participant_erased":
          this._erasures.push({ sequence_id: number, participantId: event.sender.participant_id, pseudonym: event.participant_id });
          this._folded.clear();
          break;
        case "content_expired":
          this._expiredUpTo = Math.max(this._expiredUpTo, event.up_to);
          this._folded.clear();
      }
    }
    if (!isSorted) this._order.sort((one, other) => one - other);
  }

  /** Drop the messages before a sequence id. */
  trim(start: number): void {
    this._messages = null;
    for (let number; (number = this._order[0]!) < start; this._order.shift()) {
      this._events.delete(number);
      this._folded.delete(number);
    }
    const later = [...this._updates.values()].flat().filter((update) => update.sequence_id >= start);
    this._updates.clear();
    this.add(later); // `older` can bring their messages back
  }

  /** Return the messages in the order of the log. */
  messages(): readonly Message[] {
    return (this._messages ??= this._order.map((number) => this._message(number)));
  }

  /** Return the newest message. */
  last(): Message | undefined {
    return this._order.length ? this._message(this._order.at(-1)!) : undefined;
  }

  private _message(number: number): Message {
    let message = this._folded.get(number);
    if (!message) this._folded.set(number, (message = this._fold(number)));
    return message;
  }

  private _fold(number: number): Message {
    let message = asMessage(this._events.get(number)!);
    // Those who were erased can return, and react again.
    const updates: Json[] = [...(this._updates.get(number) ?? []), ...this._erasures];
    updates.sort((one, other) => one.sequence_id - other.sequence_id);
    for (const update of updates) message = update.pseudonym ? erased(message, update as Erasure) : updated(message, update);
    return number <= this._expiredUpTo ? { ...message, ...EMPTIED, isExpired: true, isDeleted: false } : message;
  }
}

function updated(message: Message, update: Json): Message {
  if (message.isDeleted || message.isExpired) return message;
  if (update.type === "message_deleted") return { ...message, ...EMPTIED, isDeleted: true };
  if (update.type !== "message_edited") return { ...message, reactions: reacted(message.reactions, update) };
  return {
    ...message,
    editedAt: update.created_at,
    content: "content" in update ? update.content : message.content, // a deletion removes it from the log
    mentions: update.mentions ?? message.mentions,
    metadata: update.metadata ? (Object.keys(update.metadata).length ? update.metadata : null) : message.metadata,
  };
}

function reacted(reactions: readonly Reaction[], update: Json): Reaction[] {
  const participant: string = update.participant_id ?? update.sender.participant_id;
  const chosen = new Map(reactions.map(({ emoji, participants }) => [emoji, participants]));
  const others = (chosen.get(update.emoji) ?? []).filter((other) => other !== participant);
  chosen.set(update.emoji, update.type === "reaction_added" ? [...others, participant] : others);
  return [...chosen].map(([emoji, participants]) => ({ emoji, participants })).filter((r) => r.participants.length);
}

function erased(message: Message, { sequence_id, participantId, pseudonym }: Erasure): Message {
  if (message.sequenceId! > sequence_id) return message;
  const { sender, reactions } = message;
  if (sender?.participantId === participantId) {
    const erasedSender = { ...sender, participantId: pseudonym, name: "Erased" };
    return { ...message, ...EMPTIED, sender: erasedSender, clientMessageId: null, isDeleted: true };
  }
  const renamed = (name: string) => (name === participantId ? pseudonym : name);
  return { ...message, reactions: reactions.map((r) => ({ ...r, participants: r.participants.map(renamed) })) };
}
