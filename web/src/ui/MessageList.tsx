import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import type { OpenConversation } from "../state/conversation.ts";
import type { Entry } from "../state/entries.ts";
import { texts } from "../text/texts.ts";
import { announceNew } from "./announcements.ts";
import { type App, useApp } from "./app.ts";
import { ListEntry } from "./ListEntry.tsx";
import { Icon } from "./Icon.tsx";
import { messageKeyDown } from "./message_keys.ts";
import { contextOf, estimatedHeight, firstNewIndex, indexAfter, readersByKey } from "./rows.ts";
import { VirtualScroller } from "./VirtualScroller.ts";

/** Earlier messages are loaded when fewer pixels than these are above the viewport. */
const LOAD_DISTANCE = 1_200;
const HIGHLIGHT_TIME = 2_000;
/** How much of the read messages is shown above the first new one. */
const CONTEXT_HEIGHT = 120;

/** The messages of a conversation: any number of them, of which those near the viewport are in the document. */
export function MessageList({ conversation }: { conversation: OpenConversation }) {
  const app = useApp();
  const t = texts.value;
  const viewport = useRef<HTMLDivElement>(null);
  const rows = useRef<HTMLDivElement>(null);
  const [, render] = useReducer((count: number) => count + 1, 0);
  const [isAway, setAway] = useState(false);
  const [active, setActive] = useState<string | null>(null);
  /** The entry that gets the focus as soon as it is in the document, unless the focus moves elsewhere before. */
  const wanted = useRef<string | null>(null);
  const highlighted = useHighlight(conversation);
  const entries = conversation.entries.value;
  const me = app.session.participantId;

  const scroller = useMemo(() => {
    const scrolled = () => {
      setAway(!made.isAtEnd);
      if (viewport.current && viewport.current.scrollTop < LOAD_DISTANCE) void conversation.loadOlder();
      markRead(app, conversation, made);
    };
    const estimate = (index: number, width: number) => estimatedHeight(conversation.entries.peek()[index]!, width);
    const made: VirtualScroller = new VirtualScroller({ rangeChanged: () => render(0), scrolled }, estimate);
    return made;
  }, [conversation]);

  const focusAt = (index: number) => {
    const entry = entries[index];
    if (!entry) return;
    wanted.current = entry.key;
    setActive(entry.key);
    render(0);
  };
  const jump = () => {
    viewport.current!.focus(); // the button disappears
    scroller.toEnd();
  };

  const keys = useMemo(() => entries.map(({ key }) => key), [entries]);
  useMemo(() => followOwn(scroller, entries), [entries]);
  scroller.update(keys);
  const { first, last } = scroller;

  useEffect(() => scroller.attach(viewport.current!, rows.current!), [scroller]);
  useLayoutEffect(() => {
    const newIndex = firstNewIndex(entries, conversation.newAfter.value, me);
    if (newIndex >= 0) scroller.hold(newIndex, CONTEXT_HEIGHT); // before anything at the end counts as read
  }, [conversation.isLoaded.value]);
  useLayoutEffect(() => scroller.settle());
  useLayoutEffect(() => {
    if (wanted.current && focusEntry(rows.current!, wanted.current)) wanted.current = null;
  });
  useEffect(() => scroller.settle(), [conversation.isLoaded.value]);
  useEffect(() => {
    const target = conversation.target.value;
    if (!target) return;
    const index = indexAfter(entries, target.sequenceId) - 1;
    const { activeElement } = app.root;
    // The quote that leads there may leave the document; from the field for a message, the focus is not taken.
    if (!activeElement || viewport.current!.contains(activeElement)) focusAt(index);
    scroller.reveal(index);
  }, [conversation.target.value]);
  useEffect(() => announceNew(app, conversation), [conversation]);
  useEffect(() => {
    const seen = () => markRead(app, conversation, scroller);
    addEventListener("focus", seen);
    document.addEventListener("visibilitychange", seen);
    return () => {
      removeEventListener("focus", seen);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [conversation]);
  useEffect(() => markRead(app, conversation, scroller), [app.isPanelOpen.value]);

  const newIndex = firstNewIndex(entries, conversation.newAfter.value, me);
  const readers = useMemo(() => readersByKey(entries, conversation.participants.value, me), [
    entries,
    conversation.participants.value,
  ]);
  const shown = entries.slice(first, last);
  const activeKey = shown.some(({ key }) => key === active) ? active : shown.at(-1)?.key;
  const onKeyDown = (event: KeyboardEvent) => {
    const index = entries.findIndex(({ key }) => key === activeKey);
    const moveTo = (next: number) => {
      const place = Math.max(0, Math.min(next, entries.length - 1));
      focusAt(place);
      scroller.nudge(place);
    };
    messageKeyDown(event, { app, conversation, entries, index, moveTo });
  };
  const onFocusOut = ({ relatedTarget }: FocusEvent) => {
    if (relatedTarget) wanted.current = null; // otherwise the focused row left the document
  };
  return (
    <div class="message-area">
      <div class="message-viewport" ref={viewport} onKeyDown={onKeyDown} onFocusOut={onFocusOut} tabIndex={-1}>
        <ListHead conversation={conversation} />
        <div
          class="message-rows"
          ref={rows}
          role="feed"
          aria-label={t.messages}
          aria-busy={!conversation.isLoaded.value || conversation.isLoadingOlder.value}
        >
          {shown.map((entry, place) => {
            const index = first + place;
            const context = contextOf(entry, entries[index - 1], index === newIndex);
            return (
              <ListEntry
                key={entry.key}
                entry={entry}
                conversation={conversation}
                isNewDay={context.isNewDay}
                isFirstNew={context.isFirstNew}
                isGrouped={context.isGrouped}
                isActive={entry.key === activeKey}
                isHighlighted={entry.sequenceId !== null && entry.sequenceId === highlighted}
                readers={readers.get(entry.key) ?? ""}
                position={index + 1}
                onFocused={setActive}
              />
            );
          })}
        </div>
      </div>
      {isAway && <JumpButton conversation={conversation} onJump={jump} />}
    </div>
  );
}

/** The part above the first message: progress, or the beginning of the conversation. */
function ListHead({ conversation }: { conversation: OpenConversation }) {
  const t = texts.value;
  const isComplete = conversation.isLoaded.value && !conversation.hasOlder.value;
  return (
    <div class="list-head">
      {isComplete ? t.beginning : <span class="loader">{conversation.isLoaded.value ? t.loadingOlder : t.loading}</span>}
    </div>
  );
}

function JumpButton({ conversation, onJump }: { conversation: OpenConversation; onJump: () => void }) {
  const t = texts.value;
  const unread = conversation.unreadCount.value;
  return (
    <button type="button" class={unread ? "jump unread" : "jump"} onClick={onJump}>
      <Icon name="down" />
      {unread ? t.jumpToNew(unread) : t.jumpToNewest}
    </button>
  );
}

/** Return the sequence id of the message that is highlighted after a jump, for a moment. */
function useHighlight(conversation: OpenConversation): number | null {
  const [highlighted, highlight] = useState<number | null>(null);
  const target = conversation.target.value;
  useEffect(() => {
    if (!target) return;
    highlight(target.sequenceId);
    const timer = setTimeout(() => highlight(null), HIGHLIGHT_TIME);
    return () => clearTimeout(timer);
  }, [target]);
  return highlighted;
}

/** Mark the visible messages as read, if the user can see them. */
function markRead(app: App, conversation: OpenConversation, scroller: VirtualScroller): void {
  if (document.visibilityState !== "visible" || !document.hasFocus() || !conversation.isLoaded.peek() || app.isCovered) return;
  const entries = conversation.entries.peek();
  for (let index = scroller.lastVisible(); index >= 0; index--) {
    const { sequenceId } = entries[index] ?? {};
    if (sequenceId) return conversation.read(sequenceId);
  }
}

const lastPending = new WeakMap<VirtualScroller, string>();

/** Move to the end when the user has sent a message. */
function followOwn(scroller: VirtualScroller, entries: readonly Entry[]): void {
  const last = entries.at(-1);
  if (last?.kind !== "message" || last.message.status !== "pending" || lastPending.get(scroller) === last.key) return;
  lastPending.set(scroller, last.key);
  scroller.isAtEnd = true;
}

/** Move the focus to an entry; returns whether it is in the document. */
function focusEntry(rows: HTMLElement, key: string): boolean {
  const entry = rows.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
  entry?.focus({ preventScroll: true });
  return !!entry;
}
