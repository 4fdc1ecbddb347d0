import type { Conversation, PersonalState } from "serverless-chat/conversations";
import { shortText } from "../text/dates.ts";
import type { Session } from "../state/session.ts";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { Avatar } from "./Avatar.tsx";
import { Icon, type IconName } from "./Icon.tsx";
import { memo } from "./memo.ts";
import { MenuOpener } from "./Menu.tsx";
import { shownText } from "./message_text.ts";

/** A conversation in the list: its title, newest message, time and number of unread messages. */
export const ConversationRow = memo(({ row, isOpen }: { row: Conversation; isOpen: boolean }) => {
  const app = useApp();
  const t = texts.value;
  const { conversationId, unreadCount, lastMessage, me } = row;
  const title = app.session.title(conversationId);
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
            {me?.pinned && <RowMark icon="pin" text={t.pinned} />}
            {me?.notificationsMuted && <RowMark icon="mute" text={t.notificationsMuted} />}
            <time class="conversation-time">{shortText(lastMessage?.createdAt ?? row.createdAt)}</time>
          </span>
          <span class="conversation-line">
            <bdi class="conversation-preview">
              {draft ? <><em class="draft">{t.draft}:</em> {draft}</> : preview(row, app.session)}
            </bdi>
            {unreadCount > 0 && (
              <span class={me?.notificationsMuted ? "badge quiet" : "badge"}>
                {unreadCount > 99 ? "99+" : unreadCount}
                <span class="visually-hidden"> {t.unread(unreadCount)}</span>
              </span>
            )}
          </span>
        </span>
      </button>
      {me && <RowMenu id={conversationId} title={title || t.untitled} state={me} />}
    </li>
  );
});

function RowMark({ icon, text }: { icon: IconName; text: string }) {
  return (
    <span class="row-mark" title={text}>
      <Icon name={icon} />
      <span class="visually-hidden">{text}</span>
    </span>
  );
}

/** Archive, pin and mute. */
function RowMenu({ id, title, state }: { id: string; title: string; state: PersonalState }) {
  const { session } = useApp();
  const t = texts.value;
  const change = (changes: Partial<PersonalState>) => () =>
    void session.attempt(() => session.list.update(id, changes));
  const { archived, pinned, notificationsMuted } = state;
  return (
    <MenuOpener
      label={t.conversationActions(title)}
      icon="more"
      class="icon-button small row-menu"
      items={[
        { text: pinned ? t.unpin : t.pin, icon: "pin", run: change({ pinned: !pinned }) },
        {
          text: notificationsMuted ? t.unmuteNotifications : t.muteNotifications,
          icon: notificationsMuted ? "bell" : "mute",
          run: change({ notificationsMuted: !notificationsMuted }),
        },
        { text: archived ? t.unarchive : t.archive, icon: "archive", run: change({ archived: !archived }) },
      ]}
    />
  );
}

function preview({ conversationId, lastMessage }: Conversation, session: Session): string {
  const t = texts.value;
  if (!lastMessage) return t.noMessagesYet;
  const { sender } = lastMessage;
  const name = sender?.participantId === session.participantId ? t.you : sender?.name || sender?.participantId;
  return `${name}: ${shownText(session, conversationId, lastMessage, t.deletedPreview)}`;
}
