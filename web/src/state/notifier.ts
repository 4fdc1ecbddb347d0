/** Notifications of the browser about messages in conversations that the user does not look at. */

import { effect, signal } from "@preact/signals";
import type { Conversation } from "serverless-chat/conversations";
import type { Session } from "./session.ts";

/** How long a notification waits for the message to be read, in another tab or on another device: marks take a second. */
const PATIENCE = 2_000;

export type Permission = "default" | "granted" | "denied" | "unsupported";

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
  private seen: Map<string, number> | null = null;
  /** The newest rows of which notifications wait, by conversation. */
  private readonly waiting = new Map<string, Conversation>();
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

  /** Notify of rows with a newer message than before. The first rows are those from before the page was opened. */
  private notice(rows: readonly Conversation[] | null): void {
    if (!rows || !this.options.session.blocks.isKnown.value) return;
    const before = this.seen;
    this.seen = new Map(rows.map((row) => [row.conversationId, row.lastMessage?.sequenceId ?? 0]));
    if (!before) return;
    for (const row of rows) {
      const isNew = (row.lastMessage?.sequenceId ?? 0) > (before.get(row.conversationId) ?? 0);
      if (isNew && row.unreadCount && this.isWanted(row)) this.plan(row);
    }
  }

  private isWanted(row: Conversation): boolean {
    const { session } = this.options;
    if (row.me?.notificationsMuted || row.me?.archived) return false;
    const sender = row.lastMessage?.sender?.participantId ?? "";
    if (this.permission.peek() !== "granted" || sender === session.participantId || session.blocks.ids.peek().has(sender)) return false;
    const isLookedAt = document.visibilityState === "visible" && document.hasFocus();
    return !(isLookedAt && session.openId.peek() === row.conversationId);
  }

  /** Notify of the newest message of a row, unless it is read or deleted within a moment. */
  private plan(row: Conversation): void {
    const id = row.conversationId;
    const isPlanned = this.waiting.has(id);
    this.waiting.set(id, row);
    if (!isPlanned) setTimeout(() => this.stopWaiting(id), PATIENCE);
  }

  private stopWaiting(id: string): void {
    const row = this.waiting.get(id);
    this.waiting.delete(id);
    const present = this.options.session.row(id);
    if (!row || !present) return;
    const { sequenceId } = row.lastMessage!;
    const isDeleted = present.lastMessage?.sequenceId === sequenceId && present.lastMessage.isDeleted;
    if (present.readUpTo < sequenceId! && !isDeleted) this.notify(row);
  }

  private notify(row: Conversation): void {
    const { describe, open } = this.options;
    const { title, body } = describe(row);
    const notification = new Notification(title, { body, tag: row.conversationId });
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
