/** The page: a frame around the component that signs in, keeps the address, and shows unread messages in the title. */

import { ServerlessChat } from "./component/define.ts";
import { type Config, loadConfig } from "./page/config.ts";
import { chosenParticipant, developmentTokens } from "./page/development.ts";
import { parseRoute, fragmentOf, type Route } from "./page/route.ts";
import { showSwitcher } from "./page/switcher.ts";
import { preference, setPreference } from "./page/preferences.ts";
import { loadLanguage, texts } from "./text/texts.ts";

const TITLE = document.title;
const LANGUAGE = preference("language") ?? navigator.language;
const languageLoaded = loadLanguage(LANGUAGE);

async function main(): Promise<void> {
  const place = document.getElementById("page")!;
  const [config] = await Promise.all([loadConfig(), languageLoaded]);
  const chat = new ServerlessChat();
  const route = parseRoute(location.hash);
  chat.setAttribute("http-url", config.http_url);
  chat.setAttribute("ws-url", config.ws_url);
  chat.setAttribute("image-origins", config.image_origins.join(" "));
  if (config.vapid_key) chat.setAttribute("vapid-key", config.vapid_key);
  applyPreferences(chat);
  chat.addEventListener("chat-unread", (event) => showUnread((event as CustomEvent<{ count: number }>).detail.count));
  chat.addEventListener("chat-select", (event) => {
    const id = (event as CustomEvent<{ conversationId: string | null }>).detail.conversationId;
    if (parseRoute(location.hash).conversationId !== id) history.pushState(null, "", fragmentOf(id));
  });
  await signIn(chat, config, route, place);
  place.append(chat);
}

/** Provide tokens, and follow the address from here on. */
async function signIn(chat: ServerlessChat, config: Config, route: Route, place: HTMLElement): Promise<void> {
  const { identity } = config;
  if (identity.kind === "oidc") {
    const { signedIn } = await import("./page/oidc.ts");
    const session = await signedIn(identity);
    chat.setAttribute("sign-out", "");
    // A device whose storage cannot be cleared must not keep the user signed in.
    chat.addEventListener("chat-sign-out", () => void chat.signOut().catch(console.error).then(() => session.signOut()));
    chat.token = session.token;
    follow(chat, parseRoute(session.fragment));
  } else {
    const participant = chosenParticipant(identity, route.participant);
    showSwitcher(place, identity, participant);
    chat.token = developmentTokens(participant);
    follow(chat, route);
  }
  // A click on a link causes both events, and after the first one that is followed the address has no participant.
  for (const name of ["hashchange", "popstate"]) {
    addEventListener(name, () => {
      const next = parseRoute(location.hash);
      if (next.participant) location.reload();
      else follow(chat, next);
    });
  }
}

/** Show the conversation or the invite of an address. */
function follow(chat: ServerlessChat, { conversationId, invite }: Route): void {
  history.replaceState(null, "", fragmentOf(invite ? null : conversationId));
  if (invite) return chat.join(conversationId!, invite);
  if (conversationId) chat.setAttribute("conversation-id", conversationId);
  else chat.removeAttribute("conversation-id");
}

function showUnread(count: number): void {
  document.title = count ? `(${count > 99 ? "99+" : count}) ${TITLE}` : TITLE;
}

/** Appearance and language are those of the system until the user chooses others. */
function applyPreferences(chat: ServerlessChat): void {
  chat.lang = LANGUAGE;
  document.documentElement.lang = texts.value.language; // English for a language without a dictionary
  const showTheme = (theme: string) => {
    chat.setAttribute("theme", theme);
    document.documentElement.dataset.theme = theme;
  };
  showTheme(preference("theme") ?? "system");
  chat.addEventListener("chat-language", (event) => {
    const { language: chosen } = (event as CustomEvent<{ language: string }>).detail;
    setPreference("language", chosen);
    document.documentElement.lang = chosen;
  });
  chat.addEventListener("chat-theme", (event) => {
    const { theme } = (event as CustomEvent<{ theme: string }>).detail;
    setPreference("theme", theme);
    showTheme(theme);
  });
}

/** Say why there is no chat, and offer another attempt; in English where the language cannot be loaded. */
async function showFailure(error: unknown): Promise<void> {
  console.error(error);
  await languageLoaded.catch(() => {});
  const t = texts.value;
  document.documentElement.lang = t.language;
  const failure = document.createElement("div");
  failure.className = "failure";
  failure.setAttribute("role", "alert");
  const [heading, hint, button] = [document.createElement("h1"), document.createElement("p"), document.createElement("button")];
  heading.textContent = t.pageFailed;
  hint.textContent = t.pageFailedHint;
  button.textContent = t.retry;
  button.addEventListener("click", () => location.reload());
  failure.append(heading, hint, button);
  document.getElementById("page")!.replaceChildren(failure);
}

main().catch(showFailure);
