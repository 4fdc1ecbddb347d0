import type { Message } from "serverless-chat";
import type { OpenConversation } from "../state/conversation.ts";
import { fullText, timeText } from "../text/dates.ts";
import { markdown, type Mentioned } from "../markdown/markdown.tsx";
import { errorText, texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { Avatar } from "./Avatar.tsx";
import { Icon } from "./Icon.tsx";
import { shownName } from "./message_text.ts";
import { MessageTools } from "./MessageTools.tsx";
import { Quote } from "./Quote.tsx";
import { Reactions } from "./Reactions.tsx";
import { Readers } from "./Readers.tsx";

interface MessageRowProps {
  message: Message;
  conversation: OpenConversation;
  isGrouped: boolean;
  readers: string;
  /** Whether the pointer or the focus was on it: its actions are not made before. */
  hasTools: boolean;
}

/** One message: its author, text, reactions and state. */
export function MessageRow({ message, conversation, isGrouped, readers, hasTools }: MessageRowProps) {
  const app = useApp();
  const t = texts.value;
  const { sender, createdAt } = message;
  const id = sender?.participantId ?? "";
  const name = shownName(conversation, sender);
  return (
    <>
      <div class="gutter">
        {isGrouped ? (
          <time dateTime={createdAt ?? ""} title={fullText(createdAt)}>
            {timeText(createdAt)}
          </time>
        ) : (
          <Avatar id={id} name={name} url={conversation.profiles.value.get(id)?.avatarUrl} />
        )}
      </div>
      <div class="message-main">
        {!isGrouped && (
          <div class="message-heading">
            <span class={id === app.session.participantId ? "author own" : "author"} dir="auto">
              {name}
            </span>
            {sender?.type === "agent" && <span class="tag">{t.agent}</span>}
            <time dateTime={createdAt ?? ""} title={fullText(createdAt)}>
              {timeText(createdAt)}
            </time>
          </div>
        )}
        {message.replyTo !== null && <Quote conversation={conversation} sequenceId={message.replyTo} />}
        <MessageContent message={message} conversation={conversation} />
        <Reactions message={message} conversation={conversation} />
        <SendState message={message} conversation={conversation} />
      </div>
      <Readers ids={readers} conversation={conversation} />
      {hasTools && <MessageTools message={message} conversation={conversation} />}
    </>
  );
}

/** A longer text has no large emoji: for thousands of them, the expression would take minutes. */
const MAX_JUMBO = 60;
const ONLY_EMOJI = /^(?:(?:\p{RI}{2}|\p{Extended_Pictographic}[\u{1F3FB}-\u{1F3FF}\uFE0F\u200D\p{Extended_Pictographic}]*)\s*){1,3}$/u;

function MessageContent({ message, conversation }: { message: Message; conversation: OpenConversation }) {
  const app = useApp();
  const t = texts.value;
  if (message.isDeleted) return <div class="message-text removed">{t.deleted}</div>;
  if (message.isExpired || message.content === null) return <div class="message-text removed">{t.expired}</div>;
  const { blocks } = app.session;
  if (blocks.hides(conversation.id, message)) {
    return (
      <div class="message-text removed">
        {t.hidden}{" "}
        <button type="button" class="link-button" onClick={() => blocks.reveal(conversation.id, message)}>
          {t.showHidden}
        </button>
      </div>
    );
  }
  const isJumbo = message.content.length <= MAX_JUMBO && ONLY_EMOJI.test(message.content);
  const edited = message.editedAt && (
    <span class="edited" title={t.editedAt(fullText(message.editedAt))}>
      ({t.edited})
    </span>
  );
  return (
    <div class={`message-text ${message.status} ${isJumbo ? "jumbo" : ""}`}>
      {markdown(message.content, mentionsOf(message, conversation, app.session.participantId), edited)}
    </div>
  );
}

/** Return the names by which the mentioned participants can appear in the text. */
function mentionsOf(message: Message, conversation: OpenConversation, me: string): Mentioned[] {
  return message.mentions.flatMap((id) => {
    const names = [conversation.member(id)?.name, id].filter((name) => !!name) as string[];
    return names.map((name) => ({ name, isMe: id === me }));
  });
}

/** Whether a message is on its way, or what to do with one that the server has refused. */
function SendState({ message, conversation }: { message: Message; conversation: OpenConversation }) {
  const app = useApp();
  const t = texts.value;
  const { room } = conversation;
  if (message.status === "sent" || !message.clientMessageId) return null;
  const id = message.clientMessageId;
  if (message.status === "pending") {
    if (conversation.hasFailed.value) return <div class="send-state held">{t.held}</div>;
    return (
      <span class="send-state">
        <Icon name="clock" />
        <span class="visually-hidden">{t.sending}</span>
      </span>
    );
  }
  return (
    <div class="send-state failed">
      <Icon name="error" />
      <span>
        {t.failed}: {errorText(message.error)}
      </span>
      <button type="button" class="link-button" onClick={() => void room.retry(id).catch(() => {})}>
        {t.retry}
      </button>
      <button type="button" class="link-button" onClick={() => discard()}>
        {t.discard}
      </button>
    </div>
  );

  /** Delete the message; its text becomes the draft again if there is none, also below an edit. */
  function discard(): void {
    const { drafts } = app.session;
    if (!drafts.get(conversation.id)) drafts.restore(conversation.id, message.content ?? "");
    conversation.isFieldWanted.value = true;
    room.discard(id);
  }
}
