import type { OpenConversation } from "../state/conversation.ts";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { Composer } from "./Composer.tsx";
import { ConversationHeader } from "./ConversationHeader.tsx";
import { lazy } from "./lazy.ts";
import { MessageList } from "./MessageList.tsx";
import { TypingLine } from "./TypingLine.tsx";

const MemberPanel = lazy(async () => (await import("../panels/MemberPanel.tsx")).MemberPanel);

/** The open conversation with its panel, or a hint if there is none. */
export function ConversationView() {
  const app = useApp();
  const t = texts.value;
  const { session } = app;
  const conversation = session.open.value;
  if (!session.openId.value) {
    return (
      <section class="conversation-view empty">
        <p>{t.chooseConversation}</p>
        <p class="faint">{t.chooseConversationHint}</p>
      </section>
    );
  }
  const title = session.title(session.openId.value) || t.untitled;
  const isEnded = !!(session.openError.value ?? conversation?.error.value);
  return (
    <section class="conversation-view" part="conversation" aria-label={title}>
      <div class="conversation-column">
        <ConversationHeader title={isEnded && title === t.untitled ? "" : title} conversation={isEnded ? null : conversation} />
        {isEnded ? (
          <p class="ended" role="status">
            {t.conversationEnded}
          </p>
        ) : (
          conversation && <Content key={conversation.id} conversation={conversation} />
        )}
      </div>
      {app.isPanelOpen.value && conversation && !isEnded && <MemberPanel key={conversation.id} conversation={conversation} />}
    </section>
  );
}

function Content({ conversation }: { conversation: OpenConversation }) {
  return (
    <>
      <MessageList conversation={conversation} />
      <TypingLine conversation={conversation} />
      <Composer conversation={conversation} />
    </>
  );
}
