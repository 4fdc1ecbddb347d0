/** The chat of one participant, as signals for the interface. */

import { batch, computed, signal } from "@preact/signals";
import { Chat, type ChatError, type Sender, type Status } from "serverless-chat";
import { type Conversation, ConversationList } from "serverless-chat/conversations";
import { IndexedDbStorage } from "serverless-chat/indexed-db";
import { Blocks } from "./blocks.ts";
import { coalesced } from "./coalesced.ts";
import { OpenConversation } from "./conversation.ts";
import { Drafts } from "./drafts.ts";
import { Mentions } from "./mentions.ts";
import { type Details, type Pending, Server } from "./server.ts";
import { SignOuts } from "./sign_outs.ts";

/** The addresses of a stage, and the callback for its tokens. */
export interface Stage {
  httpUrl: string;
  wsUrl: string;
  token: () => string | Promise<string>;
}

/** A message of the interface that disappears by itself. */
export interface Toast {
  id: number;
  text: string;
}

const TOAST_TIME = 6_000;

/** Why a session ends: another one begins, or the participant signs out, here or in another tab. */
export type Ending = "closed" | "signed-out" | "signed-out-elsewhere";

export class Session {
  readonly chat: Chat;
  readonly list: ConversationList;
  readonly server: Server;
  readonly drafts: Drafts;
  readonly status = signal<Status>("authenticating");
  /** Whether there was a connection before: a first connection is not announced. */
  readonly wasOpen = signal(false);
  readonly me = signal<Sender | null>(null);
  readonly conversations = signal<readonly Conversation[] | null>(null);
  readonly hasMore = signal(false);
  private readonly pending = signal<readonly Pending[]>([]);
  /** The memberships that the participant can accept. An invitation that was accepted, here or elsewhere, has a row. */
  readonly invitations = computed(() => this.pending.value.filter(({ conversation_id: id }) => !this.row(id)));
  readonly blocks: Blocks;
  readonly mentions: Mentions;
  /** Why the last call of the token callback failed, until one succeeds. */
  readonly signInError = signal<unknown>(null);
  readonly open = signal<OpenConversation | null>(null);
  readonly openId = signal<string | null>(null);
  readonly openError = signal<ChatError | null>(null);
  readonly toasts = signal<readonly Toast[]>([]);
  /** Titles that are not in the rows: of an open conversation that is not loaded, and after the other's erasure. */
  private readonly titles = signal<Record<string, string>>({});
  private readonly requestedTitles = new Set<string>();
  private toastCount = 0;
  private invitationLoads = 0;
  private readonly signOuts: SignOuts;

  /** The unread messages of all conversations that are not archived. */
  readonly unreadTotal = signal(0);

  constructor(
    stage: Stage,
    readonly participantId: string,
    private readonly errorText: (error: unknown) => string,
    /** Called when the participant has signed out in another tab. */
    signedOut: () => void,
  ) {
    const { httpUrl, wsUrl } = stage;
    const token = () => this.token(stage);
    this.chat = new Chat({ httpUrl, wsUrl, token, storage: new IndexedDbStorage(httpUrl, participantId) });
    this.server = new Server(this.chat);
    this.blocks = new Blocks(this.server);
    void this.blocks.load();
    this.mentions = new Mentions(this.server, participantId);
    this.drafts = new Drafts(httpUrl, participantId);
    this.signOuts = new SignOuts(httpUrl, participantId, signedOut);
    this.chat.on("change", () => this.connectionChanged());
    this.chat.on("error", (error) => this.failed(error));
    this.chat.on("invited", () => void this.loadInvitations());
    const list = (this.list = new ConversationList(this.chat));
    const update = coalesced(() =>
      batch(() => {
        this.conversations.value = list.rows;
        for (const row of list.rows) if (row.direct && !row.other) void this.loadTitle(row.conversationId);
        this.mentions.update(list.rows);
        this.hasMore.value = list.hasMore;
        this.unreadTotal.value = list.totalUnread;
      }),
    );
    list.on("change", update);
  }

  /** Return the row of a conversation, if it is loaded. */
  row(id: string): Conversation | undefined {
    return this.conversations.value?.find(({ conversationId }) => conversationId === id);
  }

  title(id: string): string {
    const { title, other } = this.row(id) ?? {};
    return title || other?.name || other?.participantId || this.titles.value[id] || "";
  }

  /** Return whether a conversation is shown. One that has ended is not: the participant may have come back to it. */
  isShown(id: string | null): boolean {
    return this.openId.peek() === id && !(this.openError.peek() ?? this.open.peek()?.error.peek());
  }

  /** Show a conversation, and close the one that was shown. */
  async show(id: string | null): Promise<void> {
    if (this.isShown(id)) return;
    this.open.peek()?.close();
    batch(() => {
      this.open.value = null;
      this.openError.value = null;
      this.openId.value = id;
    });
    if (!id) return;
    try {
      const room = await this.chat.open(id, { immediately: true });
      if (this.openId.peek() !== id) return room.close();
      this.open.value = new OpenConversation(room, () => this.participantId, this.blocks.isKnown);
      if (!this.row(id)) void this.loadTitle(id);
    } catch (error) {
      if (this.openId.peek() === id) this.openError.value = error as ChatError;
    }
  }

  /** Run a request, and show its error; resolves with whether it succeeded. */
  async attempt(request: () => Promise<unknown>): Promise<boolean> {
    try {
      await request();
      return true;
    } catch (error) {
      this.failed(error, true);
      return false;
    }
  }

  toast(text: string): void {
    const id = ++this.toastCount;
    this.toasts.value = [...this.toasts.value.filter((toast) => toast.text !== text), { id, text }];
    setTimeout(() => this.dismiss(id), TOAST_TIME);
  }

  dismiss(id: number): void {
    this.toasts.value = this.toasts.value.filter((toast) => toast.id !== id);
  }

  async loadInvitations(): Promise<void> {
    const load = ++this.invitationLoads;
    try {
      const pending = await this.server.invitations();
      if (load === this.invitationLoads) this.pending.value = pending; // else there is a later answer
    } catch {
      // They are loaded again with the next connection.
    }
  }

  /** Block a participant, or lift the block; resolves with whether the server has done it. */
  setBlocked(participantId: string, isBlocked: boolean): Promise<boolean> {
    return this.attempt(() => this.blocks.set(participantId, isBlocked));
  }

  /** End everything; a sign-out deletes the outbox and the drafts, and ends the sessions in other tabs. */
  async end(ending: Ending): Promise<void> {
    this.open.peek()?.close();
    this.blocks.end();
    if (ending === "closed") this.drafts.close();
    else this.drafts.clear();
    if (ending === "signed-out") this.signOuts.announce();
    this.signOuts.close();
    await (ending === "signed-out" ? this.chat.signOut() : this.chat.close());
  }

  private connectionChanged(): void {
    const { status, me } = this.chat;
    const isNew = status === "open" && this.status.peek() !== "open";
    if (isNew && this.wasOpen.peek()) void this.blocks.load();
    batch(() => {
      this.status.value = status;
      this.me.value = me;
      if (status === "open") this.wasOpen.value = true;
    });
    if (isNew) {
      void this.list.rows; // the first access loads them
      void this.loadInvitations();
    }
  }

  private async loadTitle(id: string): Promise<void> {
    if (this.requestedTitles.has(id)) return;
    this.requestedTitles.add(id);
    try {
      const details = await this.server.details(id);
      this.titles.value = { ...this.titles.value, [id]: this.titleOf(details) };
    } catch {
      this.requestedTitles.delete(id); // the room itself reports why the conversation cannot be shown
    }
  }

  /** Return the title, or of a direct conversation the name of the other participant. */
  private titleOf({ title, direct, participants = [], pending = [] }: Details): string {
    if (!direct) return title;
    const other = [...participants, ...pending].find(({ participant_id: id }) => id !== this.participantId);
    return other?.name || other?.participant_id || "";
  }

  /** Call the token callback, and keep its error for the banner. */
  private async token({ token }: Stage): Promise<string> {
    try {
      const value = await token();
      this.signInError.value = null;
      return value;
    } catch (error) {
      this.signInError.value = error ?? new Error("no token");
      throw error;
    }
  }

  private failed(error: unknown, isAction = false): void {
    if (error && error === this.signInError.peek()) return; // the banner shows it
    const { status, code } = error as Partial<ChatError>;
    // The chat repeats its own requests with the next connection; an action of the user has failed.
    if (!isAction && status === 0 && code === "UNAVAILABLE") return;
    const text = this.errorText(error);
    // A full storage, for one, fails again every second, which is shown and spoken once.
    if (isAction || !this.toasts.peek().some((toast) => toast.text === text)) this.toast(text);
  }
}
