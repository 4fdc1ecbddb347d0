/** The participants of a conversation, typing, and read marks: all that is not in the log. */

import type { Json } from "./outputs.ts";
import { camelCased } from "./view.ts";

/** A participant of a conversation. */
export interface Participant {
  /** The id. */
  readonly participantId: string;
  /** The name of the profile, or the one with which the participant was added. */
  readonly name: string;
  /** `owner`, `moderator` or `member`. */
  readonly role: string;
  /** `human` or `agent`. */
  readonly type?: string;
  /** Whether the participant has a connection; false while this client has none. */
  readonly online?: boolean;
  /** The sequence id of the last event that the participant has read. */
  readonly readUpTo?: number;
  /** Until when the participant may not write; null if there is no mute. */
  readonly mutedUntil?: string | null;
  /** The picture of the profile. Show it only from origins that the page trusts. */
  readonly avatarUrl?: string;
  /** When the profile has changed last, as far as it was seen. */
  readonly updatedAt?: string;
}

interface Typist {
  sentAt: string;
  /** When it ends by itself; 0 if it has ended. */
  until: number;
  name: string;
}

/** The ephemeral state of one conversation. `isChanged` is reset by its reader. */
export class People {
  participants = new Map<string, Participant>();
  readUpTo = 0;
  unreadCount = 0;
  isChanged = false;
  /** The event up to which a page has counted the unread messages. */
  private _counted = 0;
  private _typists = new Map<string, Typist>();

  /** Take over the state in a page, which is that before some later events. A mark of the user that is higher stays. */
  loaded(page: Json, later: readonly Json[], me: string): void {
    if (page.participants) {
      this.participants = new Map(page.participants.map((entry: Json) => [entry.participant_id, camelCased(entry)]));
    }
    const isNewer = page.read_up_to >= this.readUpTo;
    if (isNewer) this.read(page.read_up_to, page.unread_count);
    // An older mark: the count is already that of the present view, so the later events must not count again.
    this._counted = isNewer ? page.head : Infinity;
    for (const event of later) this.applied(event, me);
    if (!isNewer) this._counted = 0;
    this.isChanged = true;
  }

  /** Apply an event that follows the position. */
  applied(event: Json, me: string): void {
    const { participant, sequence_id: number } = event;
    const id: string = participant?.participant_id ?? event.sender?.participant_id;
    switch (event.type) {
      case "message":
        this.end(id);
        if (this.participants.get(id)?.readUpTo === number - 1) this._patch(id, { readUpTo: number });
        if (id !== me) this.unreadCount += Number(number > Math.max(this.readUpTo, this._counted));
        else if (this.readUpTo === number - 1) this.readUpTo = number;
        break;
      case "participant_joined":
      case "participant_updated":
        if (participant.muted_until) this.end(id);
        this.participants.set(id, { ...this.participants.get(id), mutedUntil: null, ...camelCased(participant) });
        break;
      case "participant_left":
      case "participant_erased":
        this.end(id);
        this.participants.delete(id);
        break;
      default:
        return;
    }
    this.isChanged = true;
  }

  /** Apply an ephemeral push. */
  pushed(frame: Json, now: number, expires: number): void {
    const id: string = frame.participant_id ?? frame.participant?.participant_id;
    if (frame.type === "read") this._patch(id, { readUpTo: Math.max(frame.sequence_id, this.participants.get(id)?.readUpTo ?? 0) });
    if (frame.type === "presence") {
      this._patch(id, { online: frame.online });
      if (!frame.online) this.end(id);
    }
    if (frame.type === "profile" && frame.updated_at > (this.participants.get(id)?.updatedAt ?? "")) {
      this._patch(id, { name: frame.participant.name, avatarUrl: frame.avatar_url, updatedAt: frame.updated_at });
    }
    if (frame.type === "typing") this._typing(id, frame, now + expires);
  }

  /** Move the participant's own read mark. */
  read(readUpTo: number, unreadCount: number): void {
    this.readUpTo = readUpTo;
    this.unreadCount = unreadCount;
    this._counted = 0;
    this.isChanged = true;
  }

  /** Nothing ephemeral is known without a connection. */
  disconnected(): void {
    for (const id of this.participants.keys()) this._patch(id, { online: false });
    for (const id of this._typists.keys()) this.end(id);
  }

  /** Return the ids and names of those who are typing. */
  typists(): { participantId: string; name: string }[] {
    const typing = [...this._typists].filter(([, typist]) => typist.until > 0);
    return typing.map(([participantId, { name }]) => ({ participantId, name }));
  }

  get due(): number {
    return Math.min(...[...this._typists.values()].map(({ until }) => until || Infinity));
  }

  advance(now: number): void {
    for (const [id, { until }] of this._typists) if (until && now >= until) this.end(id);
  }

  /** End the typing of a participant; the time of the last push stays known. */
  end(id: string): void {
    const typist = this._typists.get(id);
    if (!typist?.until) return;
    typist.until = 0;
    this.isChanged = true;
  }

  private _typing(id: string, frame: Json, until: number): void {
    const last = this._typists.get(id)?.sentAt ?? "";
    if (frame.sent_at < last || (frame.sent_at === last && frame.is_typing)) return;
    const name = frame.participant.name;
    this._typists.set(id, { sentAt: frame.sent_at, until: frame.is_typing ? until : 0, name });
    this.isChanged = true;
  }

  private _patch(id: string, fields: Partial<Participant>): void {
    const known = this.participants.get(id);
    if (!known) return;
    this.participants.set(id, { ...known, ...fields });
    this.isChanged = true;
  }
}
