import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import type { OpenConversation } from "../state/conversation.ts";
import { momentText } from "../text/dates.ts";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { ComposerContext } from "./ComposerContext.tsx";
import { EmojiPopover } from "./EmojiPopover.tsx";
import { Icon } from "./Icon.tsx";
import { startEdit } from "./message_actions.ts";
import { completed, mentionedIn, type MentionQuery, mentionQuery, suggestions } from "./mentions.ts";
import { MentionMenu } from "./MentionMenu.tsx";

const MAX_LENGTH = 10_000;
/** From here on the number of characters is shown. */
const COUNTED_LENGTH = 9_500;
const MAX_HEIGHT = 240;
/** The code of the key that ends a composition in Safari, where it comes after the composition. */
const COMPOSED = 229;
/** Longer timers of browsers end at once. */
const MAX_TIMER = 86_400_000;

/** The field for a message, or a note while the participant is muted. */
export function Composer({ conversation }: { conversation: OpenConversation }) {
  const until = conversation.member(useApp().session.participantId)?.mutedUntil;
  const [, render] = useReducer((count: number) => count + 1, 0);
  const left = until ? Date.parse(until) - Date.now() : 0;
  useEffect(() => {
    if (left <= 0) return;
    const timer = setTimeout(() => render(0), Math.min(left, MAX_TIMER));
    return () => clearTimeout(timer);
  });
  if (left > 0) return <div class="composer-note">{texts.value.mutedUntil(momentText(until!))}</div>;
  return <ComposerForm conversation={conversation} />;
}

/** The field for a new message, for a reply, and for the edit of a message. */
function ComposerForm({ conversation }: { conversation: OpenConversation }) {
  const app = useApp();
  const t = texts.value;
  const { session } = app;
  const { room } = conversation;
  const field = useRef<HTMLTextAreaElement>(null);
  const emojiButton = useRef<HTMLButtonElement>(null);
  /** Where the caret goes when an inserted text is in the field. */
  const caret = useRef<number | null>(null);
  const [text, setText] = useState(() => session.drafts.get(conversation.id));
  const [query, setQuery] = useState<MentionQuery | null>(null);
  const [chosen, choose] = useState(0);
  const [isPickerOpen, setPickerOpen] = useState(false);
  const editing = conversation.editing.value;
  const replyingTo = conversation.replyingTo.value;
  const isFieldWanted = conversation.isFieldWanted.value;
  const people = suggestions(conversation.participants.value, session.participantId, query);
  const over = text.length - MAX_LENGTH;

  useLayoutEffect(() => fit(field.current!), [text]);
  useLayoutEffect(() => {
    if (caret.current === null) return;
    field.current!.focus();
    field.current!.setSelectionRange(caret.current, caret.current);
    caret.current = null;
  });
  useLayoutEffect(() => {
    setText(editing ? (editing.content ?? "") : session.drafts.get(conversation.id));
  }, [editing, replyingTo]);
  useLayoutEffect(() => {
    if (!editing) setText(session.drafts.get(conversation.id));
  }, [session.drafts.changes.value]);
  useLayoutEffect(() => {
    if (!isFieldWanted) return;
    conversation.isFieldWanted.value = false;
    field.current!.focus();
  }, [isFieldWanted]);

  const change = (value: string) => {
    setText(value);
    if (!editing) session.drafts.set(conversation.id, value);
  };
  const onInput = (event: Event) => {
    const { value, selectionStart } = event.target as HTMLTextAreaElement;
    change(value);
    setQuery(mentionQuery(value, selectionStart));
    choose(0);
    if (!editing) room.typing(!!value);
  };
  const cancel = () => {
    conversation.editing.value = null;
    conversation.replyingTo.value = null;
  };
  const send = () => {
    const content = text.trim();
    if (over > 0) return app.announce(t.tooLong(over));
    if (!content) return;
    const mentions = mentionedIn(content, conversation.participants.value);
    if (editing) room.edit(conversation.idOf(editing), content, { mentions });
    else {
      void room.send(content, { mentions, ...(replyingTo ? { replyTo: replyingTo.sequenceId! } : {}) }).catch(() => {});
      change("");
      conversation.newAfter.value = null;
    }
    cancel();
    field.current!.focus();
  };
  const insert = (value: string, from = field.current!.selectionStart, to = field.current!.selectionEnd) => {
    caret.current = from + value.length;
    change(text.slice(0, from) + value + text.slice(to));
  };
  const complete = (index: number) => {
    const person = people[index];
    if (!query || !person) return;
    insert(completed(person), query.start, query.end);
    setQuery(null);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing || event.keyCode === COMPOSED) return;
    if (people.length && menuKey(event)) return void event.preventDefault();
    if (event.key === "Enter" && !event.shiftKey) send();
    else if (event.key === "Escape" && (editing || replyingTo)) cancel();
    else if (event.key === "ArrowUp" && !text && !editing) editLast();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  /** Move in the suggestions; returns whether they use the key. */
  const menuKey = (event: KeyboardEvent): boolean => {
    if (event.key === "ArrowDown") choose((chosen + 1) % people.length);
    else if (event.key === "ArrowUp") choose((chosen + people.length - 1) % people.length);
    else if (event.key === "Enter" || event.key === "Tab") complete(chosen);
    else if (event.key === "Escape") setQuery(null);
    else return false;
    event.stopPropagation();
    return true;
  };
  const editLast = () => {
    const own = conversation.entries.value.findLast(
      (entry) =>
        entry.kind === "message" &&
        entry.message.status !== "failed" &&
        !entry.message.isDeleted &&
        entry.message.sender?.participantId === session.participantId,
    );
    if (own?.kind === "message") startEdit(conversation, own.message);
  };

  return (
    <form class="composer" onSubmit={(event) => (event.preventDefault(), send())}>
      {(editing || replyingTo) && <ComposerContext conversation={conversation} onCancel={cancel} />}
      {people.length > 0 && <MentionMenu people={people} chosen={chosen} onChoose={complete} />}
      <div class="composer-box">
        <textarea
          ref={field}
          class="composer-field"
          rows={1}
          value={text}
          placeholder={t.messageTo(session.title(conversation.id) || t.untitled)}
          aria-label={t.messageTo(session.title(conversation.id) || t.untitled)}
          aria-autocomplete="list"
          aria-controls={people.length ? "mentions" : undefined}
          aria-activedescendant={people.length ? `mention-${chosen}` : undefined}
          enterkeyhint="send"
          onInput={onInput}
          onKeyDown={onKeyDown}
          onBlur={() => setQuery(null)}
        />
        <button
          ref={emojiButton}
          type="button"
          class="icon-button"
          aria-label={t.emoji}
          title={t.emoji}
          aria-expanded={isPickerOpen}
          onClick={() => setPickerOpen(!isPickerOpen)}
        >
          <Icon name="smile" />
        </button>
        <button
          type="submit"
          class="icon-button send"
          aria-label={editing ? t.saveEdit : t.send}
          title={editing ? t.saveEdit : t.send}
          disabled={!text.trim() || over > 0}
        >
          <Icon name={editing ? "check" : "send"} />
        </button>
      </div>
      {text.length > COUNTED_LENGTH && (
        <div class={over > 0 ? "counter over" : "counter"}>{over > 0 ? t.tooLong(over) : `${text.length} / ${MAX_LENGTH}`}</div>
      )}
      {isPickerOpen && <EmojiPopover anchor={emojiButton} onChoose={(emoji) => insert(emoji)} onClose={() => setPickerOpen(false)} />}
    </form>
  );
}

/** Let the field grow with its text. */
function fit(field: HTMLTextAreaElement): void {
  field.style.height = "auto";
  if (field.value) field.style.height = `${Math.min(field.scrollHeight, MAX_HEIGHT)}px`; // a long placeholder would count, too
}
