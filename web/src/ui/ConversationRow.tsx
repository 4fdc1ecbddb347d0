import type { Conversation, PersonalState } from "serverless-chat/conversations";
import { shortText } from "../text/dates.ts";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { Avatar } from "./Avatar.tsx";
import { Icon, type IconName } from "./Icon.tsx";
import { memo } from "./memo.ts";
import { MenuOpener } from "./Menu.tsx";
import { shownText } from "./message_text.ts";

interface ConversationRowProps {
  row: Conversation;
  isOpen: boolean;
  isMentioned: boolean;
}

/** A conversation in the list: its title, newest message, time and number of unread messages. */
export const ConversationRow = memo(({ row, isOpen, isMentioned }: ConversationRowProps) => {
  const app = useApp();
  const t = texts.value;
  const { conversationId, unreadCount, lastMessage, me, other } = row;
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
        <Avatar id={other?.participantId ?? conversationId} name={title} url={other?.avatarUrl} size="large" />
        <span class="conversation-lines">
          <span class="conversation-line">
            <bdi class="conversation-title">{title || t.untitled}</bdi>
            {me?.pinned && <RowMark icon="pin" text={t.pinned} />}
            {me?.notificationsMuted && <RowMark icon="mute" text={t.notificationsMuted} />}
            <time class="conversation-time">{shortText(lastMessage?.createdAt ?? row.createdAt)}</time>
          </span>
          <span class="conversation-line">
            {draft ? <Preview by={t.draft} names="preview-by draft" text={draft} /> : <LastMessage row={row} />}
            {isMentioned && (
              <span class="badge" title={t.mentioned}>
                @<span class="visually-hidden"> {t.mentioned}</span>
              </span>
            )}
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

function LastMessage({ row: { conversationId, lastMessage } }: { row: Conversation }) {
  const { session } = useApp();
  const t = texts.value;
  if (!lastMessage) return <bdi class="conversation-preview">{t.noMessagesYet}</bdi>;
  const { sender } = lastMessage;
  const name = sender?.participantId === session.participantId ? t.you : sender?.name || sender?.participantId || "";
  return <Preview by={name} names="preview-by" text={shownText(session, conversationId, lastMessage, t.deletedPreview)} />;
}

/** A text that is cut at its own end: it can be written in another direction than the name before it. */
function Preview({ by, names, text }: { by: string; names: string; text: string }) {
  return (
    <>
      <span class={names}>
        <bdi>{by}</bdi>:{" "}
      </span>
      <bdi class="conversation-preview">{text}</bdi>
    </>
  );
}
