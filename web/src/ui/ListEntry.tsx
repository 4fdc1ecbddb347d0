import { useState } from "preact/hooks";
import type { Message } from "serverless-chat";
import type { OpenConversation } from "../state/conversation.ts";
import type { Entry } from "../state/entries.ts";
import type { Session } from "../state/session.ts";
import { dayText, fullText, timeText } from "../text/dates.ts";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { memo } from "./memo.ts";
import { shownName, shownText } from "./message_text.ts";
import { MessageRow } from "./MessageRow.tsx";
import { noticeText } from "./notices.ts";
import { useKeptFocus } from "./useKeptFocus.ts";

interface ListEntryProps {
  entry: Entry;
  conversation: OpenConversation;
  isNewDay: boolean;
  isFirstNew: boolean;
  isGrouped: boolean;
  isActive: boolean;
  isHighlighted: boolean;
  readers: string;
  position: number;
  onFocused: (key: string) => void;
}

/** A message or a notice, with the separators that precede it. */
export const ListEntry = memo((props: ListEntryProps) => {
  const { session } = useApp();
  const [isTouched, touch] = useState(false);
  const { entry, isNewDay, isFirstNew, isActive, position, onFocused } = props;
  const names = ["entry", entry.kind, props.isGrouped && "grouped", props.isHighlighted && "highlighted"];
  return (
    <div class="entry-box">
      {isNewDay && (
        <div class="day-separator">
          <span>{dayText(entry.createdAt)}</span>
        </div>
      )}
      {isFirstNew && (
        <div class="new-separator">
          <span>{texts.value.newMessages}</span>
        </div>
      )}
      <article
        ref={useKeptFocus<HTMLElement>()}
        class={names.filter(Boolean).join(" ")}
        data-key={entry.key}
        tabIndex={isActive ? 0 : -1}
        aria-label={entry.kind === "notice" ? noticeText(entry.event) : label(session, props.conversation, entry.message)}
        aria-posinset={position}
        aria-setsize={-1}
        onPointerEnter={() => touch(true)}
        onFocusIn={() => touch(true)}
        onFocus={() => onFocused(entry.key)}
      >
        {entry.kind === "notice" ? (
          <>
            <span>{noticeText(entry.event)}</span> <time dateTime={entry.createdAt}>{timeText(entry.createdAt)}</time>
          </>
        ) : (
          <MessageRow
            message={entry.message}
            conversation={props.conversation}
            isGrouped={props.isGrouped}
            readers={props.readers}
            hasTools={isTouched}
          />
        )}
      </article>
    </div>
  );
});

function label(session: Session, conversation: OpenConversation, message: Message): string {
  const heading = texts.value.messageFrom(shownName(conversation, message.sender), fullText(message.createdAt));
  return `${heading}: ${shownText(session, conversation.id, message)}`;
}
