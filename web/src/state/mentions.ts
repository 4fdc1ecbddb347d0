/** The unread mentions of the participant, also those from before the page was opened. */

import { signal } from "@preact/signals";
import type { Message } from "serverless-chat";
import type { Conversation } from "serverless-chat/conversations";

/** The most requests for one conversation, each of at most a hundred messages. */
const MAX_SEARCH_PAGES = 5;
/** The time between two searches in a conversation, in which many messages may arrive. */
const PAUSE = 1_000;

/** The part of the HTTP API that `Mentions` needs. */
interface MessageServer {
  messages(id: string, limit: number, before?: number): Promise<{ messages: Message[]; before?: number }>;
}

interface Known {
  row: Conversation;
  /** How many unread messages were looked at. */
  checked: number;
  /** The newest mention among the messages that were looked at. */
  mention: number;
  /** Whether there are unread messages that were not looked at. */
  isIncomplete: boolean;
  /** Whether a search is due or was made a moment ago. */
  isSearched: boolean;
}

/**
 * A row has its newest message only. If more have become unread since the last row, the others are requested, for one
 * conversation after another, and from the newest message on until one mentions the participant. While a known mention
 * is unread, that can wait; it cannot when the participant has read up to it and not further.
 */
export class Mentions {
  /** The conversations in which an unread message mentions the participant. */
  readonly ids = signal<readonly string[]>([]);
  private readonly known = new Map<string, Known>();
  private searching = Promise.resolve();

  constructor(
    private readonly server: MessageServer,
    private readonly me: string,
  ) {}

  /** Compare the rows with the former ones. */
  update(rows: readonly Conversation[]): void {
    for (const row of rows) {
      const { conversationId: id, unreadCount, readUpTo, lastMessage } = row;
      const known = this.known.get(id) ?? { row, checked: 0, mention: 0, isIncomplete: false, isSearched: false };
      if (readUpTo < known.row.readUpTo) known.mention = 0; // another history
      this.known.set(id, known);
      known.row = row;
      if (lastMessage) this.note(known, lastMessage);
      const isUnread = lastMessage?.sender?.participantId !== this.me;
      if (unreadCount - known.checked > Number(isUnread)) known.isIncomplete = true;
      known.checked = unreadCount;
      this.begin(known);
    }
    this.show();
  }

  private begin(known: Known): void {
    const isMentioned = known.mention > known.row.readUpTo;
    if (!known.isIncomplete || isMentioned || known.isSearched) return;
    known.isSearched = true;
    this.searching = this.searching.then(() => this.search(known));
  }

  private note(known: Known, { sequenceId, mentions, sender }: Message): void {
    if (mentions.includes(this.me) && sender?.participantId !== this.me) {
      known.mention = Math.max(known.mention, sequenceId!);
    }
  }

  private async search(known: Known): Promise<void> {
    let before: number | undefined;
    known.isIncomplete = false;
    try {
      for (let page = 0; page < MAX_SEARCH_PAGES; page++) {
        const { conversationId, unreadCount, readUpTo } = known.row;
        if (!unreadCount || known.mention > readUpTo || (before ?? Infinity) <= readUpTo + 1) break;
        const found = await this.server.messages(conversationId, Math.min(unreadCount, 100), before);
        for (const message of found.messages) this.note(known, message);
        if (!(before = found.before)) break;
      }
    } catch {
      known.checked = 0; // it is searched again with the next change of the list
    }
    setTimeout(() => {
      known.isSearched = false;
      this.begin(known);
    }, PAUSE);
    this.show();
  }

  private show(): void {
    const isMentioned = ({ row, mention }: Known) => row.unreadCount > 0 && mention > row.readUpTo;
    const ids = [...this.known.values()].filter(isMentioned).map(({ row }) => row.conversationId);
    if (ids.join() !== this.ids.peek().join()) this.ids.value = ids;
  }
}
