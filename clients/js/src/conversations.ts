/** The live list of the participant's conversations. */

import type { Core } from "./core/client.ts";
import type { Json, Notification } from "./core/outputs.ts";
import { asMessage, camelCased, type Message } from "./core/view.ts";
import type { Http } from "./http.ts";
import { Observable } from "./observable.ts";

const PAGE = 100;

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
  /** The newest message, in its current state. */
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

/** @internal What a list needs of its chat. */
export interface ListHost {
  core: Core;
  http: Http;
  input(give: (now: number) => void): void;
  failed(error: unknown): void;
}

/**
 * The conversations of the participant, with unread counts, latest message first. The newest hundred are live: each
 * message moves its conversation to the top. It is loaded when it is first observed or read.
 */
export class ConversationList extends Observable<readonly Conversation[]> {
  private _rows: readonly Conversation[] = [];
  private _cursor: string | undefined;
  private _pages = 0;
  private _isLoading = false;

  /** @internal */
  constructor(private readonly _host: () => ListHost | null) {
    super();
  }

  /** The loaded rows. */
  get rows(): readonly Conversation[] {
    this._begin();
    return this._rows;
  }

  /** Whether there are further conversations: see `more`. */
  get hasMore(): boolean {
    return this._cursor !== undefined;
  }

  /** Whether a conversation is among the loaded rows. @internal */
  has(conversationId: string): boolean {
    return this._rows.some((row) => row.conversationId === conversationId);
  }

  protected _value(): readonly Conversation[] {
    this._begin();
    return this._rows;
  }

  override on(...parameters: Parameters<Observable<readonly Conversation[]>["on"]>): () => void {
    this._begin();
    return super.on(...parameters);
  }

  /** Load further conversations; resolves when they are there. */
  more(): Promise<void> {
    return this._load(this._pages + 1);
  }

  /** Archive or pin a conversation, or mute its notifications, or undo it; resolves when the server has it. */
  async update(conversationId: string, { archived, pinned, notificationsMuted }: Partial<PersonalState>): Promise<void> {
    const body = { archived, pinned, notifications_muted: notificationsMuted };
    const state = await this._host()!.http.request("PATCH", `/conversations/${conversationId}/me`, body);
    this._personal(conversationId, state);
  }

  /** Load the list again. It is done by itself for each connection. */
  async reload(): Promise<void> {
    if (this._pages) await this._load(this._pages);
  }

  /** Apply a notification. @internal */
  notify(notification: Notification): void {
    if (!this._pages) return;
    if (notification.kind === "membership") {
      const { conversation, conversation_id, type } = notification.frame;
      if (type === "personal_state") this._personal(conversation_id, notification.frame.me);
      if (type === "personal_state" || type === "invited") return;
      const id: string = conversation?.conversation_id ?? conversation_id;
      const others = this._rows.filter((row) => row.conversationId !== id);
      const isAdded = type === "conversation_added" && others.length === this._rows.length;
      if (isAdded) this._watch([conversation]);
      if (type !== "conversation_added" || isAdded) this._show(isAdded ? [asRow(conversation), ...others] : others);
    } else if (notification.kind === "appended" || notification.kind === "people") {
      this._follow(notification.conversationId, notification.kind === "appended" ? notification.events : []);
    }
  }

  private _begin(): void {
    if (!this._pages && this._host()) {
      this._pages = 1;
      void this._load(1);
    }
  }

  /** Take over the state of a followed conversation; a new message moves it to the top. */
  private _follow(conversationId: string, events: readonly Json[]): void {
    const { core } = this._host()!;
    const row = this._rows.find((known) => known.conversationId === conversationId);
    if (!row) {
      // It is beyond the loaded rows, or was hidden: a message brings it to the top.
      if (events.some(({ type }) => type === "message")) void this.reload();
      return;
    }
    const changes: Json = { unreadCount: core.readState(conversationId).unreadCount };
    for (const { type, conversation_id: _, ...event } of events) {
      if (type !== "conversation_updated") continue;
      for (const field of ["title", "join_policy"]) if (event[field]) Object.assign(changes, camelCased({ [field]: event[field] }));
    }
    if (events.some(({ type }) => /^message|^content_expired|erased$/.test(type))) {
      const last = core.lastMessage(conversationId);
      if (last && last.sequenceId! >= (row.lastMessage?.sequenceId ?? 0)) changes.lastMessage = last;
    }
    const changed = { ...row, ...changes };
    if (!events.length && changed.unreadCount === row.unreadCount) return;
    const isMoved = events.some(({ type }) => type === "message");
    const others = this._rows.filter((known) => known !== row);
    this._show(isMoved ? [changed, ...others] : this._rows.map((known) => (known === row ? changed : known)));
  }

  private _personal(conversationId: string, state: Json): void {
    const me = asPersonal(state);
    this._show(this._rows.map((row) => (row.conversationId === conversationId ? { ...row, me } : row)));
  }

  /** Show rows: the pinned ones first, and else in their order. */
  private _show(rows: readonly Conversation[]): void {
    this._rows = [...rows].sort((one, other) => Number(other.me?.pinned ?? 0) - Number(one.me?.pinned ?? 0));
    this._emit();
  }

  private _watch(rows: readonly Json[]): void {
    const { core, input } = this._host()!;
    input((now) => {
      for (const { conversation_id, head } of rows) core.watch(conversation_id, head, now);
    });
  }

  /** Load the first pages anew, until the rows are those of one connection. */
  private async _load(pages: number): Promise<void> {
    const host = this._host();
    if (this._isLoading || !host) return;
    this._isLoading = true;
    try {
      const rows: Json[] = [];
      let cursor: string | undefined;
      let count = 0;
      do {
        const query = `?limit=${PAGE}` + (cursor ? `&cursor=${encodeURIComponent(cursor)}` : "");
        const page = await host.http.request("GET", "/conversations" + query);
        rows.push(...page.conversations);
        cursor = page.next_cursor;
      } while (cursor && ++count < pages);
      this._cursor = cursor;
      this._pages = pages;
      this._watch(rows.slice(0, PAGE));
      this._show(rows.map(asRow));
    } catch (error) {
      host.failed(error);
    } finally {
      this._isLoading = false;
    }
  }
}

const asPersonal = ({ archived, pinned, notifications_muted: notificationsMuted }: Json): PersonalState => ({
  archived,
  pinned,
  notificationsMuted,
});

const asRow = ({ last_message, me, other, ...row }: Json): Conversation => ({
  ...camelCased(row),
  ...(me ? { me: asPersonal(me) } : {}),
  ...(other ? { other: camelCased(other) } : {}),
  lastMessage: last_message ? asMessage(last_message) : null,
});
