import type { OpenConversation } from "../state/conversation.ts";
import { plain } from "../markdown/markdown.tsx";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { Icon } from "./Icon.tsx";

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
          <b dir="auto">{message.sender?.name || message.sender?.participantId}</b>
          <span dir="auto">{message.isDeleted ? t.deleted : plain(message.content ?? t.expired)}</span>
        </>
      ) : (
        <span>{t.jumpToOriginal}</span>
      )}
    </button>
  );
}
