import type { OpenConversation } from "../state/conversation.ts";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { Icon } from "./Icon.tsx";

/** The title of the open conversation, its members, and the way back to the list on narrow screens. */
export function ConversationHeader({ title, conversation }: { title: string; conversation: OpenConversation | null }) {
  const app = useApp();
  const t = texts.value;
  const members = conversation?.participants.value ?? [];
  const online = members.filter((member) => member.online).length;
  const isOpen = app.isPanelOpen.value;
  return (
    <header class="conversation-header">
      {app.view.value === "both" && (
        <button type="button" class="icon-button back" aria-label={t.back} onClick={() => app.select(null)}>
          <Icon name="back" />
        </button>
      )}
      <div class="conversation-heading">
        <h1 dir="auto">{title}</h1>
        <div class="faint conversation-members">
          {members.length > 0 && t.membersCount(members.length)}
          {online > 0 && <span class="online-count"> · {t.onlineCount(online)}</span>}
        </div>
      </div>
      {conversation && (
        <button
          type="button"
          class="icon-button members-button"
          aria-label={t.members}
          title={t.members}
          aria-pressed={isOpen}
          onClick={() => (app.isPanelOpen.value = !isOpen)}
        >
          <Icon name="members" />
        </button>
      )}
    </header>
  );
}
