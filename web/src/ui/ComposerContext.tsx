import type { OpenConversation } from "../state/conversation.ts";
import { isolated, texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { Icon } from "./Icon.tsx";
import { shownName, shownText } from "./message_text.ts";

/** The message that is edited or replied to, above the field. */
export function ComposerContext({ conversation, onCancel }: { conversation: OpenConversation; onCancel: () => void }) {
  const { session } = useApp();
  const t = texts.value;
  const editing = conversation.editing.value;
  const message = editing ?? conversation.replyingTo.value;
  if (!message) return null;
  return (
    <div class="composer-context">
      <Icon name={editing ? "edit" : "reply"} />
      <b>{editing ? t.editingMessage : t.replyingTo(isolated(shownName(conversation, message.sender)))}</b>
      <span class="composer-context-text" dir="auto">
        {shownText(session, conversation.id, message)}
      </span>
      <button type="button" class="icon-button small" aria-label={t.cancel} title={t.cancel} onClick={onCancel}>
        <Icon name="close" />
      </button>
    </div>
  );
}
