import { useEffect } from "preact/hooks";
import { noteDay } from "../text/dates.ts";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { ConnectionBanner } from "./ConnectionBanner.tsx";
import { ConversationList } from "./ConversationList.tsx";
import { ConversationView } from "./ConversationView.tsx";
import { Dialogs } from "./Dialogs.tsx";
import { LiveRegion } from "./LiveRegion.tsx";
import { globalKeyDown } from "./shortcuts.ts";
import { Toasts } from "./Toasts.tsx";

/** How often it is noticed that another day has begun. */
const DAY_INTERVAL = 60_000;

/** The whole interface: the list, the open conversation, and the layers above them. */
export function Frame() {
  const app = useApp();
  const view = app.view.value;
  useEffect(() => {
    const pressed = (event: Event) => globalKeyDown(event as KeyboardEvent, app);
    document.addEventListener("keydown", pressed);
    const timer = setInterval(noteDay, DAY_INTERVAL);
    return () => {
      document.removeEventListener("keydown", pressed);
      clearInterval(timer);
    };
  }, []);
  const isConversationShown = view === "conversation" || !!app.session.openId.value;
  return (
    <div class={`frame view-${view} ${isConversationShown ? "showing-conversation" : "showing-list"}`} part="frame" lang={texts.value.language} dir={texts.value.direction}>
      <ConnectionBanner />
      <div class="panes">
        {view !== "conversation" && <ConversationList />}
        {view !== "list" && <ConversationView />}
      </div>
      <Dialogs />
      <Toasts />
      <LiveRegion />
    </div>
  );
}
