import type { OpenConversation } from "../state/conversation.ts";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { Icon } from "./Icon.tsx";
import { shownName, shownText } from "./message_text.ts";

/** The message that is replied to, in one line; it leads there. */
export function Quote({ conversation, sequenceId }: { conversation: OpenConversation; sequenceId: number }) {
  const app = useApp();
  const t = texts.value;
  conversation.entries.value; // an edit or a deletion changes the quote, too
  const message = conversation.find(sequenceId);
  const jump = async () => {
    if (!(await conversation.show(sequenceId))) app.session.toast(t.originalUnavailable);
  };
  return (
    <button type="button" class="quote" title={t.jumpToOriginal} onClick={jump}>
      <Icon name="reply" />
      {message ? (
        <>
          <b dir="auto">{shownName(conversation, message.sender)}</b>
          <span dir="auto">{shownText(app.session, conversation.id, message)}</span>
        </>
      ) : (
        <span>{t.jumpToOriginal}</span>
      )}
    </button>
  );
}
