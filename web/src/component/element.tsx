import { effect } from "@preact/signals";
import { render } from "preact";
import { type Ending, Session, type Stage } from "../state/session.ts";
import { addLanguage, errorText, loadLanguage } from "../text/texts.ts";
import { App, AppContext, type Theme, type View } from "../ui/app.ts";
import { Failure } from "../ui/Failure.tsx";
import { Frame } from "../ui/Frame.tsx";
import { participantOf } from "./token.ts";
import base from "../styles/base.css?inline";
import list from "../styles/list.css?inline";
import message from "../styles/message.css?inline";
import composer from "../styles/composer.css?inline";

const sheet = new CSSStyleSheet();
sheet.replaceSync([base, list, message, composer].join("\n"));

const VIEWS = /^(list|conversation|both)$/;

/**
 * Attributes: `http-url`, `ws-url`, `conversation-id`, `view` (`list`, `conversation`, `both`), `lang`, `theme`
 * (`system`, `light`, `dark`), `vapid-key`, `image-origins` (of pictures, separated by spaces), `sign-out` (shows the
 * item in the menu).
 * Properties: `token`, a function that returns a valid token or a promise of one; `inviteLink`, a function of a
 * conversation id and an invite that returns the address to share.
 * Events, whose fields are in `detail`: `chat-ready`, `chat-select`, `chat-unread`, `chat-language`, `chat-theme`,
 * `chat-push-subscription`, `chat-sign-out`, `chat-error`.
 */
export class ServerlessChat extends HTMLElement {
  static readonly observedAttributes = ["http-url", "ws-url", "conversation-id", "view", "lang", "theme", "vapid-key", "image-origins"];

  /**
   * Add a language, by the first part of its tag: `ServerlessChat.addLanguage("he", "עברית", { direction: "rtl", … })`.
   * Its texts are those of `src/text/en.ts` and `en_panels.ts`; missing ones are shown in English.
   */
  static readonly addLanguage = addLanguage;

  /** The address that an invite link has, for the product's own routes. */
  inviteLink = (conversationId: string, invite: string): string =>
    `${location.href.split("#")[0]}#/join/${conversationId}/${invite}`;

  private readonly shadow = this.attachShadow({ mode: "open" });
  private app: App | null = null;
  private tokenCallback: (() => string | Promise<string>) | null = null;
  private ends: (() => void)[] = [];
  /** Distinguishes attempts to start, of which only the latest counts. */
  private attempt = 0;

  constructor() {
    super();
    this.shadow.adoptedStyleSheets = [sheet];
  }

  /** Returns a valid token, or a promise of one. Another function begins another session. */
  get token(): (() => string | Promise<string>) | null {
    return this.tokenCallback;
  }

  set token(callback: (() => string | Promise<string>) | null) {
    this.tokenCallback = callback;
    void this.start();
  }

  connectedCallback(): void {
    void this.start();
  }

  disconnectedCallback(): void {
    void this.stop("closed");
  }

  attributeChangedCallback(name: string, before: string | null, value: string | null): void {
    if (before === value) return;
    if (name === "lang") loadLanguage(value ?? "en").catch((error) => this.app?.session.toast(errorText(error)));
    else if (name === "http-url" || name === "ws-url") void this.start();
    else if (this.app) this.apply(this.app);
  }

  /** Show the dialog that joins a conversation by an invite. */
  join(conversationId: string, invite: string): void {
    if (this.app) this.app.dialog.value = { kind: "join", id: conversationId, invite };
    else this.addEventListener("chat-ready", () => this.join(conversationId, invite), { once: true });
  }

  /** End the session, here and in other tabs, and delete the outbox and the drafts from this device. */
  async signOut(): Promise<void> {
    this.tokenCallback = null;
    await this.stop("signed-out");
  }

  private async start(): Promise<void> {
    const attempt = ++this.attempt;
    const [httpUrl, wsUrl] = [this.getAttribute("http-url"), this.getAttribute("ws-url")];
    const token = this.tokenCallback;
    await this.stop("closed", attempt);
    if (!this.isConnected || !httpUrl || !wsUrl || !token) return;
    try {
      const [first] = await Promise.all([token(), loadLanguage(this.lang || "en")]);
      if (attempt === this.attempt) this.show({ httpUrl, wsUrl, token }, participantOf(first));
    } catch (error) {
      if (attempt !== this.attempt) return;
      this.sendEvent("chat-error", { error });
      render(<Failure onRetry={() => void this.start()} />, this.shadow);
    }
  }

  private show(stage: Stage, participantId: string): void {
    const token = () => this.tokenOf(participantId, stage.token);
    const session = new Session({ ...stage, token }, participantId, errorText, () => this.signedOut());
    const app = new App(session, {
      root: this.shadow,
      sendEvent: (name, detail) => this.sendEvent(name, detail),
      setTheme: (theme) => this.sendEvent("chat-theme", { theme }) && this.setAttribute("theme", theme),
      setLanguage: (language) => this.sendEvent("chat-language", { language }) && this.setAttribute("lang", language),
      inviteLink: (...invite) => this.inviteLink(...invite),
      restart: () => void this.start(),
    });
    this.app = app;
    this.apply(app);
    this.ends.push(
      effect(() => {
        const error = session.signInError.value;
        if (error) this.sendEvent("chat-error", { error });
      }),
      effect(() => void this.sendEvent("chat-unread", { count: session.unreadTotal.value })),
      effect(() => this.shadow.host.setAttribute("aria-busy", String(session.conversations.value === null))),
    );
    render(
      <AppContext.Provider value={app}>
        <Frame />
      </AppContext.Provider>,
      this.shadow,
    );
    this.sendEvent("chat-ready", { participantId });
  }

  /** Return a token of the participant. With one of another, another session begins: this one has their messages and drafts. */
  private async tokenOf(participantId: string, token: Stage["token"]): Promise<string> {
    const value = await token();
    if (participantOf(value) === participantId) return value;
    if (this.app?.session.participantId === participantId) void this.start();
    return new Promise(() => {});
  }

  /** End the session, as in another tab; the page shows its own sign-in. */
  private signedOut(): void {
    this.tokenCallback = null;
    void this.stop("signed-out-elsewhere");
    this.sendEvent("chat-sign-out", null);
  }

  private async stop(ending: Ending, attempt = ++this.attempt): Promise<void> {
    const { app } = this;
    if (!app) return;
    this.app = null;
    for (const end of this.ends.splice(0)) end();
    app.notifier.close();
    render(null, this.shadow);
    if (ending !== "closed") this.sendEvent("chat-unread", { count: 0 });
    const ended = app.session.end(ending);
    if (ending === "signed-out" || attempt !== this.attempt) await ended;
  }

  /** Take over the attributes. */
  private apply(app: App): void {
    const view = this.getAttribute("view") ?? "both";
    app.view.value = VIEWS.test(view) ? (view as View) : "both";
    app.theme.value = (this.getAttribute("theme") as Theme | null) ?? "system";
    app.canSignOut = this.hasAttribute("sign-out");
    app.imageOrigins.value = (this.getAttribute("image-origins") ?? "").split(" ").filter(Boolean);
    app.notifier.vapidKey = this.getAttribute("vapid-key");
    void app.session.show(this.getAttribute("conversation-id") || null);
  }

  private sendEvent(name: string, detail: unknown): boolean {
    const options = { detail, bubbles: true, composed: true, cancelable: true };
    const isAllowed = this.dispatchEvent(new CustomEvent(name, options));
    if (name === "chat-select" && isAllowed) {
      const id = (detail as { conversationId: string | null }).conversationId;
      if (id) this.setAttribute("conversation-id", id);
      else this.removeAttribute("conversation-id");
    }
    return isAllowed;
  }
}
