import type { OpenConversation } from "../state/conversation.ts";
import type { Entry } from "../state/entries.ts";
import { dayText, fullText, timeText } from "../text/dates.ts";
import { plain } from "../markdown/markdown.tsx";
import { texts } from "../text/texts.ts";
import { memo } from "./memo.ts";
import { MessageRow } from "./MessageRow.tsx";
import { noticeText } from "./notices.ts";

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
        class={names.filter(Boolean).join(" ")}
        data-key={entry.key}
        tabIndex={isActive ? 0 : -1}
        aria-label={label(entry)}
        aria-posinset={position}
        aria-setsize={-1}
        onFocus={() => onFocused(entry.key)}
      >
        {entry.kind === "notice" ? (
          <>
            <span dir="auto">{noticeText(entry.event)}</span> <time dateTime={entry.createdAt}>{timeText(entry.createdAt)}</time>
          </>
        ) : (
          <MessageRow
            message={entry.message}
            conversation={props.conversation}
            isGrouped={props.isGrouped}
            readers={props.readers}
          />
        )}
      </article>
    </div>
  );
});

function label(entry: Entry): string {
  const t = texts.value;
  if (entry.kind === "notice") return noticeText(entry.event);
  const { sender, content, isDeleted } = entry.message;
  const heading = t.messageFrom(sender?.name ?? sender?.participantId ?? "", fullText(entry.createdAt));
  return `${heading}: ${isDeleted ? t.deleted : plain(content ?? t.expired)}`;
}
