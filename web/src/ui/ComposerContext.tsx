import type { OpenConversation } from "../state/conversation.ts";
import { plain } from "../markdown/markdown.tsx";
import { texts } from "../text/texts.ts";
import { Icon } from "./Icon.tsx";

/** The message that is edited or replied to, above the field. */
export function ComposerContext({ conversation, onCancel }: { conversation: OpenConversation; onCancel: () => void }) {
  const t = texts.value;
  const editing = conversation.editing.value;
  const message = editing ?? conversation.replyingTo.value;
  if (!message) return null;
  const name = message.sender?.name || message.sender?.participantId || "";
  return (
    <div class="composer-context">
      <Icon name={editing ? "edit" : "reply"} />
      <b dir="auto">{editing ? t.editingMessage : t.replyingTo(name)}</b>
      <span class="composer-context-text" dir="auto">
        {plain(message.content ?? "")}
      </span>
      <button type="button" class="icon-button small" aria-label={t.cancel} title={t.cancel} onClick={onCancel}>
        <Icon name="close" />
      </button>
    </div>
  );
}
