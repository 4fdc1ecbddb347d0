/** The live list of the participant's conversations: the entry point `serverless-chat/conversations`. */

import type { Chat } from "./chat.ts";
import type { Core } from "./core/client.ts";
import { historyNumber } from "./core/context.ts";
import { type Conversation, Listed, type OtherParticipant, type PersonalState } from "./core/listed.ts";
import type { Json, Notification } from "./core/outputs.ts";
import { Observable } from "./observable.ts";

const PAGE = 100;
/** How many of the first rows are named in pings. */
const NAMED = 20;
/** After how many milliseconds the list is loaded again for the sake of pushes: they come in swarms. */
const PATIENCE = 1_000;
/** After how many milliseconds a load that failed is repeated. */
const RETRY = 10_000;

/** The frames that can change a row. */
const RELEVANT = /^(pong|activity|events|subscribed|sync|read(_ack)?|personal_state|conversation_(added|removed|deleted))$/;

/**
 * The conversations of the participant, with unread counts, latest message first. All are live by one feed, without a
 * subscription to each. The list is loaded when it is first observed or read.
 */
export class ConversationList extends Observable<readonly Conversation[]> {
  private readonly _entries = new Map<string, Listed>();
  private _rows: readonly Conversation[] = [];
  private _cursor: string | undefined;
  private _pages = 0;
  private _historyId: string | null = null;
  /** The unread messages of conversations that are not loaded. */
  private _unreadElsewhere = 0;
  private _loading: Promise<unknown> | null = null;
  /** How many calls of `more` wait, which throw the error of a load. */
  private _waiting = 0;
  private _isStale = false;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _core!: Core;

  /** One list for each chat is enough; it ends with the chat. */
  constructor(private readonly _chat: Chat) {
    super();
    _chat.followers.push((notification) => this._notify(notification));
  }

  /** The loaded rows. */
  get rows(): readonly Conversation[] {
    void this._begin();
    return this._rows;
  }

  /** Whether there are further conversations: see `more`. */
  get hasMore(): boolean {
    return this._cursor !== undefined;
  }

  /** How many messages are unread in all conversations that are not archived, loaded or not. */
  get totalUnread(): number {
    const unread = (total: number, { unreadCount, me }: Conversation) => total + (me?.archived ? 0 : unreadCount);
    return this._rows.reduce(unread, this._unreadElsewhere);
  }

  protected _value(): readonly Conversation[] {
    void this._begin();
    return this._rows;
  }

  override on(...parameters: Parameters<Observable<readonly Conversation[]>["on"]>): () => void {
    void this._begin();
    return super.on(...parameters);
  }

  /**
   * Load further conversations; resolves when they are there.
   *
   * @throws ChatError (by the promise) if they cannot be loaded; call it again then.
   */
  async more(): Promise<void> {
    await this._begin();
    this._pages++;
    this._waiting++;
    const error = await this._loaded();
    this._waiting--;
    if (!error) return;
    this._pages--;
    throw error;
  }

  /** Archive or pin a conversation, or mute its notifications, or undo it; resolves when the server has it. */
  async update(conversationId: string, { archived, pinned, notificationsMuted }: Partial<PersonalState>): Promise<void> {
    const body = { archived, pinned, notifications_muted: notificationsMuted };
    const state = await this._chat.request("PATCH", `/conversations/${conversationId}/me`, body);
    this._personal(conversationId, state);
  }

  /** Load the list again. It is done by itself for each connection, and when pushes were missed. */
  async reload(): Promise<void> {
    await this._loaded();
  }

  /** Load the list, once more if it is being loaded; resolve with the error if that fails. */
  private async _loaded(): Promise<unknown> {
    if (this._pages < 1) return;
    this._isStale = true;
    return (this._loading ??= this._load().finally(() => (this._loading = null)));
  }

  private _notify(notification: Notification): void {
    switch (notification.kind) {
      case "frame":
        if (this._pages > 0) this._pushed(notification.frame);
        break;
      case "replaced":
      case "appended":
      case "people":
        this._follow(notification.conversationId);
        break;
      case "awake":
        if (this._chat.status === "open") void this.reload();
        break;
      case "status":
        if (notification.status === "stopped") clearTimeout(this._timer);
    }
  }

  private async _begin(): Promise<void> {
    if (this._pages) return;
    this._pages = 1;
    this._core = await this._chat.ready;
    this._chat.input((now) => this._core.feed(() => this._heads(), now)); // its `welcome` loads the list
  }

  /** Return the heads of the first rows. */
  private _heads(): [string, number][] {
    return this._rows.slice(0, NAMED).map(({ conversationId: id }) => [id, this._entries.get(id)!.head]);
  }

  private _pushed(frame: Json): void {
    const { type, conversation, heads, events } = frame;
    if (type === "welcome") return void this.reload();
    if (!RELEVANT.test(type) || (type === "read" && frame.unread_count === undefined)) return;
    const id: string = conversation?.conversation_id ?? frame.conversation_id;
    if (!this._historyId && events && this._core.roomState(id)) return; // the first page is followed by the open rooms
    if (this._core.historyId !== this._historyId) return this._loadLater(); // the rows are of another one
    const entry = this._entries.get(id);
    switch (type) {
      case "events":
      case "subscribed":
      case "sync":
      case "read_ack":
        this._follow(id); // if its room is open; else it is about to open, or was closed a moment ago
        if (entry ? entry.lacks(frame) : events?.some((event: Json) => event.type === "message")) this._loadLater();
        return;
      case "pong":
        for (const name in heads) if (heads[name] > (this._entries.get(name)?.head ?? Infinity)) this._loadLater();
        return;
      case "conversation_added":
        this._changed();
        if (entry) entry.paged(conversation);
        else this._entries.set(id, new Listed(conversation));
        break;
      case "conversation_removed":
      case "conversation_deleted":
        this._changed();
        this._entries.delete(id);
        break;
      default:
        if (!entry) return this._loadLater(); // it is beyond the loaded rows, or was hidden
        if (type === "personal_state") return this._personal(id, frame.me);
        entry.pushed(frame);
        if (entry.lacks({ read_up_to: frame.read_up_to })) this._loadLater(); // an older head has a newer mark
    }
    this._show();
  }

  /** Take over the state of an open room. */
  private _follow(conversationId: string): void {
    const entry = this._entries.get(conversationId);
    const state = entry && this._core.historyId === this._historyId && this._core.roomState(conversationId);
    if (!state) return;
    const { row } = entry;
    if (entry.followed(state)) this._loadLater();
    if (entry.row !== row) this._show();
  }

  private _personal(conversationId: string, state: Json): void {
    this._isStale = true;
    this._entries.get(conversationId)?.personal(state);
    this._show();
  }

  /** Show the rows: the pinned ones first, and of the others those with the latest messages. */
  private _show(): void {
    const order = (one: Listed, other: Listed) =>
      Number(other.row.me?.pinned ?? 0) - Number(one.row.me?.pinned ?? 0) ||
      Number(other.latest > one.latest) - Number(other.latest < one.latest);
    this._rows = [...this._entries.values()].sort(order).map(({ row }) => row);
    this._emit();
  }

  /** Load the list once more, after a load that is running: changes of membership overtake each other. */
  private _changed(): void {
    this._isStale = true;
    this._loadLater();
  }

  private _loadLater(delay = PATIENCE): void {
    this._timer ??= setTimeout(() => {
      this._timer = undefined;
      void this.reload();
    }, delay);
  }

  /** Load the first pages until nothing has happened meanwhile that they can lack. */
  private async _load(): Promise<unknown> {
    try {
      while (this._isStale) {
        this._isStale = false;
        await this._loadPages(await this._chat.ready);
      }
    } catch (error) {
      if (this._chat.status !== "stopped") {
        if (!this._waiting) this._chat.failed(error);
        this._loadLater(RETRY);
      }
      return error;
    }
    return;
  }

  private async _loadPages(core: Core): Promise<void> {
    const rows: Json[] = [];
    let page: Json = {};
    for (let count = 0; !count || (page.next_cursor && count < this._pages); count++) {
      const query = page.next_cursor ? `&cursor=${encodeURIComponent(page.next_cursor)}` : "";
      page = await this._chat.request("GET", `/conversations?limit=${PAGE}${query}`);
      rows.push(...page.conversations);
    }
    if (this._isStale || this._chat.status === "stopped") return;
    const historyId: string | null = page.history_id ?? core.historyId;
    if (historyNumber(historyId) < historyNumber(core.historyId)) return this._loadLater();
    const known = new Map(historyId === this._historyId ? this._entries : []);
    this._historyId = historyId;
    this._entries.clear();
    for (const entry of rows) {
      const listed = known.get(entry.conversation_id);
      listed?.paged(entry);
      this._entries.set(entry.conversation_id, listed ?? new Listed(entry));
    }
    this._cursor = page.next_cursor;
    const loaded = rows.reduce((total, { unread_count, me }) => total + (me?.archived ? 0 : unread_count), 0);
    this._unreadElsewhere = Math.max(0, (page.total_unread ?? 0) - loaded);
    for (const id of this._entries.keys()) this._follow(id);
    this._show();
  }
}

export type { Conversation, OtherParticipant, PersonalState };
