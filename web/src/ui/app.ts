/** The state of the interface, which components get by `useApp`. */

import { effect, signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Message } from "serverless-chat";
import type { OpenConversation } from "../state/conversation.ts";
import { Notifier } from "../state/notifier.ts";
import type { Session } from "../state/session.ts";
import { plain } from "../markdown/markdown.tsx";
import { texts } from "../text/texts.ts";

export type View = "list" | "conversation" | "both";
export type Theme = "system" | "light" | "dark";

/** A dialog, and what it is about. */
export type DialogState =
  | { kind: "create" }
  | { kind: "join"; id: string; invite: string }
  | { kind: "confirm"; question: string; hint?: string; action: string; run: () => unknown }
  | { kind: "add" | "invites" | "audit" | "bans" | "reports"; conversation: OpenConversation }
  | { kind: "report"; conversation: OpenConversation; message: Message }
  | { kind: "shortcuts" | "blocks" | "profile" };

/** The part of the element around it that the interface needs. */
export interface AppHost {
  readonly root: ShadowRoot;
  /** Send an event to the page, and return whether the page did not prevent its default. */
  sendEvent: (name: string, detail: unknown) => boolean;
  setTheme: (theme: Theme) => void;
  setLanguage: (language: string) => void;
  inviteLink: (conversationId: string, invite: string) => string;
  /** Begin anew with another connection. */
  restart: () => void;
}

/** The least width at which the panel is beside the messages, as in `panels.css`. */
const PANEL_BESIDE = 960;

export class App {
  readonly view = signal<View>("both");
  readonly isPanelOpen = signal(false);
  /** Whether a key has opened the panel, which gets the focus when it is there. */
  isPanelFocusWanted = false;
  readonly dialog = signal<DialogState | null>(null);
  readonly search = signal("");
  readonly theme = signal<Theme>("system");
  /** The origins from which pictures of participants are shown; without them, initials are. */
  readonly imageOrigins = signal<readonly string[]>([]);
  /** Whether the page offers to sign out. */
  canSignOut = false;
  /** The latest text for screen readers, with a number that makes repetitions distinct. */
  readonly announcement = signal({ number: 0, text: "" });
  /** The number of the latest announcement that a region has shown. */
  private spoken = 0;
  readonly notifier: Notifier;

  constructor(
    readonly session: Session,
    private readonly host: AppHost,
  ) {
    effect(() => {
      session.blocks.ids.value;
      this.announce(""); // the last one may be of a participant who is blocked now
    });
    effect(() => {
      session.openId.value;
      this.uncover();
    });
    let newest = 0;
    effect(() => {
      const toast = session.toasts.value.at(-1);
      if (!toast || toast.id <= newest) return;
      newest = toast.id;
      this.announce(toast.text);
    });
    this.notifier = new Notifier({
      session,
      describe: ({ conversationId, lastMessage }) => ({
        title: session.title(conversationId) || texts.peek().untitled,
        body: `${lastMessage?.sender?.name ?? ""}: ${plain(lastMessage?.content ?? "")}`,
      }),
      open: (id) => this.select(id),
      subscribed: (subscription) => host.sendEvent("chat-push-subscription", { subscription }),
      denied: () => session.toast(texts.peek().notificationsDenied),
    });
  }

  /** The root of the component, in which dialogs and menus look for the focus. */
  get root(): ShadowRoot {
    return this.host.root;
  }

  /** Show a conversation, or the list alone where there is no room for both. */
  select(id: string | null): void {
    if (this.session.isShown(id)) return;
    void this.session.show(id);
    this.sendEvent("chat-select", { conversationId: id });
  }

  sendEvent(name: string, detail: unknown): boolean {
    return this.host.sendEvent(name, detail);
  }

  /** Whether the panel covers messages. */
  get isCovered(): boolean {
    return this.isPanelOpen.peek() && this.root.host.clientWidth < PANEL_BESIDE;
  }

  /** Close the panel where it covers messages. */
  uncover(): void {
    if (this.isCovered) this.isPanelOpen.value = false;
  }

  setTheme(theme: Theme): void {
    this.theme.value = theme;
    this.host.setTheme(theme);
  }

  setLanguage(language: string): void {
    this.host.setLanguage(language);
  }

  inviteLink(conversationId: string, invite: string): string {
    return this.host.inviteLink(conversationId, invite);
  }

  restart(): void {
    this.host.restart();
  }

  /** Let screen readers speak a text, after those that no region has shown yet. An empty one takes them back. */
  announce(text: string): void {
    const { number, text: before } = this.announcement.peek();
    const isWaiting = number !== this.spoken && !!before && !!text;
    this.announcement.value = { number: number + 1, text: isWaiting ? `${before}\n${text}` : text };
  }

  /** Note that a region shows an announcement, and return whether it is the first to do so. */
  speak(number: number): boolean {
    const isFirst = number !== this.spoken;
    this.spoken = number;
    return isFirst;
  }

  confirm(question: string, action: string, run: () => unknown, hint?: string): void {
    this.dialog.value = { kind: "confirm", question, action, run, ...(hint ? { hint } : {}) };
  }
}

export const AppContext = createContext<App>(undefined!);

export const useApp = (): App => useContext(AppContext);
