import type { Conversation } from "serverless-chat";
import { shortText } from "../text/dates.ts";
import { plain } from "../markdown/markdown.tsx";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { Avatar } from "./Avatar.tsx";
import { memo } from "./memo.ts";

/** A conversation in the list: its title, newest message, time and number of unread messages. */
export const ConversationRow = memo(({ row, isOpen }: { row: Conversation; isOpen: boolean }) => {
  const app = useApp();
  const t = texts.value;
  const { conversationId, title, unreadCount, lastMessage } = row;
  const draft = isOpen ? "" : app.session.drafts.get(conversationId);
  return (
    <li>
      <button
        type="button"
        class={unreadCount ? "conversation unread" : "conversation"}
        aria-current={isOpen ? "page" : undefined}
        onClick={() => app.select(conversationId)}
      >
        <Avatar id={conversationId} name={title} size="large" />
        <span class="conversation-lines">
          <span class="conversation-line">
            <bdi class="conversation-title">{title || t.untitled}</bdi>
            <time class="conversation-time">{shortText(lastMessage?.createdAt ?? row.createdAt)}</time>
          </span>
          <span class="conversation-line">
            <bdi class="conversation-preview">
              {draft ? <><em class="draft">{t.draft}:</em> {draft}</> : preview(row, app.session.participantId)}
            </bdi>
            {unreadCount > 0 && (
              <span class="badge">
                {unreadCount > 99 ? "99+" : unreadCount}
                <span class="visually-hidden"> {t.unread(unreadCount)}</span>
              </span>
            )}
          </span>
        </span>
      </button>
    </li>
  );
});

function preview({ lastMessage }: Conversation, me: string): string {
  const t = texts.value;
  if (!lastMessage) return t.noMessagesYet;
  const { sender, content, isDeleted } = lastMessage;
  const name = sender?.participantId === me ? t.you : sender?.name || sender?.participantId;
  return `${name}: ${isDeleted ? t.deletedPreview : plain(content ?? t.expired)}`;
}
