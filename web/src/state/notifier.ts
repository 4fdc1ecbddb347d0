/** Notifications of the browser about messages in conversations that the user does not look at. */

import { effect, signal } from "@preact/signals";
import type { Message } from "serverless-chat";
import type { Conversation } from "serverless-chat/conversations";
import type { Session } from "./session.ts";

/** How long a notification waits for the message to be read, in another tab or on another device: marks take a second. */
const PATIENCE = 2_000;

export type Permission = "default" | "granted" | "denied" | "unsupported";

/** A notification that waits. */
interface Wait {
  /** The message with which the wait began. */
  first: number;
  /** The newest message. */
  newest: Message;
}

interface NotifierOptions {
  session: Session;
  /** Returns the title and the text for a new message. */
  describe: (row: Conversation) => { title: string; body: string };
  open: (conversationId: string) => void;
  /** Receives a Web Push subscription; the product stores it and sends to it. */
  subscribed: (subscription: PushSubscription) => void;
  denied: () => void;
}

export class Notifier {
  readonly permission = signal<Permission>("Notification" in globalThis ? Notification.permission : "unsupported");
  /** The public key of the product's push service; without it there is no Web Push. */
  vapidKey: string | null = null;
  /** The newest message of each conversation. */
  private seen: Map<string, number> | null = null;
  /** The time of the newest message or conversation from before the page was opened. */
  private start = "";
  /** By conversation. */
  private readonly waiting = new Map<string, Wait>();
  private readonly end: () => void;

  constructor(private readonly options: NotifierOptions) {
    this.end = effect(() => this.notice(options.session.conversations.value));
  }

  /** Ask for the permission, and subscribe to Web Push where it is configured. */
  async enable(): Promise<void> {
    this.permission.value = await Notification.requestPermission();
    if (this.permission.value === "denied") this.options.denied();
    if (this.permission.value !== "granted" || !this.vapidKey || !("serviceWorker" in navigator)) return;
    const registration = await navigator.serviceWorker.ready;
    const options = { userVisibleOnly: true, applicationServerKey: bytesOf(this.vapidKey) };
    this.options.subscribed(await registration.pushManager.subscribe(options));
  }

  close(): void {
    this.end();
    this.waiting.clear();
  }

  /**
   * Notify of rows with a newer message than before. The first rows are those from before the page was opened, and so
   * may be those that are loaded later.
   */
  private notice(rows: readonly Conversation[] | null): void {
    if (!rows || !this.options.session.blocks.isKnown.value) return;
    const isFirst = !this.seen;
    const seen = (this.seen ??= new Map<string, number>());
    for (const row of rows) {
      const { conversationId: id, lastMessage } = row;
      const before = seen.get(id);
      const newest = lastMessage?.sequenceId ?? 0;
      const latest = lastMessage?.createdAt ?? row.createdAt;
      const isNew = before === undefined ? latest > this.start : newest > before;
      seen.set(id, newest);
      if (isFirst) this.start = latest > this.start ? latest : this.start;
      else if (isNew && lastMessage && row.unreadCount && this.isWanted(row, lastMessage)) this.plan(id, lastMessage);
    }
  }

  private isWanted(row: Conversation, message: Message): boolean {
    const { session } = this.options;
    if (row.me?.notificationsMuted || row.me?.archived) return false;
    const sender = message.sender?.participantId ?? "";
    if (this.permission.peek() !== "granted" || sender === session.participantId || session.blocks.ids.peek().has(sender)) return false;
    const isLookedAt = document.visibilityState === "visible" && document.hasFocus();
    return !(isLookedAt && session.openId.peek() === row.conversationId);
  }

  /** Notify of the newest message of a conversation, unless it is read or deleted within a moment. */
  private plan(id: string, newest: Message): void {
    const wait = this.waiting.get(id);
    this.waiting.set(id, { first: wait?.first ?? newest.sequenceId!, newest });
    if (!wait) setTimeout(() => this.stopWaiting(id), PATIENCE);
  }

  private stopWaiting(id: string): void {
    const wait = this.waiting.get(id);
    this.waiting.delete(id);
    const row = this.options.session.row(id);
    if (!wait || !row) return;
    const isSame = row.lastMessage?.sequenceId === wait.newest.sequenceId;
    const message = isSame ? row.lastMessage! : wait.newest; // the newest of all may be one that is not wanted
    if (row.readUpTo >= message.sequenceId! || message.isDeleted || !this.isWanted(row, message)) return;
    // A reader in another tab has not marked the newest one yet.
    if (row.readUpTo >= wait.first) this.plan(id, message);
    else this.notify({ ...row, lastMessage: message });
  }

  private notify(row: Conversation): void {
    const { describe, open } = this.options;
    const { title, body } = describe(row);
    const shown = { body, tag: row.conversationId };
    let notification: Notification;
    try {
      notification = new Notification(title, shown);
    } catch {
      // Chrome on Android has notifications of service workers only, such as that of the product.
      void navigator.serviceWorker?.getRegistration().then((registration) => registration?.showNotification(title, shown));
      return;
    }
    notification.onclick = () => {
      window.focus();
      open(row.conversationId);
      notification.close();
    };
  }
}

/** Return the bytes of a key in URL-safe Base64. */
function bytesOf(key: string): Uint8Array<ArrayBuffer> {
  const text = atob(key.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
