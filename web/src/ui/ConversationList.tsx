import { useRef, useState } from "preact/hooks";
import type { Conversation } from "serverless-chat/conversations";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { ConversationRow } from "./ConversationRow.tsx";
import { Icon } from "./Icon.tsx";
import { lazy } from "./lazy.ts";
import { SettingsMenu } from "./SettingsMenu.tsx";
import { useKeptFocus } from "./useKeptFocus.ts";

const Invitations = lazy(async () => (await import("../panels/Invitations.tsx")).Invitations);

interface RowsProps {
  rows: readonly Conversation[] | null | undefined;
}

function Rows({ rows }: RowsProps) {
  const { openId, mentions } = useApp().session;
  return (
    <ul ref={useKeptFocus()} class="conversations">
      {rows?.map((row) => (
        <ConversationRow
          key={row.conversationId}
          row={row}
          isOpen={row.conversationId === openId.value}
          isMentioned={mentions.ids.value.includes(row.conversationId)}
        />
      ))}
    </ul>
  );
}

/** The archived conversations, behind a button. */
function Archived({ rows }: RowsProps) {
  const [isOpen, setOpen] = useState(false);
  if (!rows?.length) return null;
  return (
    <>
      <button type="button" class="menu-item archived" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name="archive" /> {texts.value.archived(rows.length)}
      </button>
      {isOpen && <Rows rows={rows} />}
    </>
  );
}

/** The conversations of the participant, the newest message first, with a search by title. */
export function ConversationList() {
  const app = useApp();
  const t = texts.value;
  const { session } = app;
  const list = useRef<HTMLDivElement>(null);
  const rows = session.blocks.isKnown.value ? session.conversations.value : null;
  const query = app.search.value.trim().toLocaleLowerCase();
  const shown = query ? rows?.filter(({ conversationId: id }) => session.title(id).toLocaleLowerCase().includes(query)) : rows;
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const buttons = [...list.current!.querySelectorAll<HTMLElement>(".conversation")];
    const index = buttons.indexOf(app.root.activeElement as HTMLElement);
    buttons[Math.max(0, index + step)]?.focus();
    event.preventDefault();
  };
  return (
    <nav class="list" part="list" aria-label={t.conversations} onKeyDown={onKeyDown}>
      <header class="list-header">
        <h1>{t.conversations}</h1>
        <SettingsMenu />
        <button
          type="button"
          class="icon-button"
          aria-label={t.newConversation}
          title={t.newConversation}
          onClick={() => (app.dialog.value = { kind: "create" })}
        >
          <Icon name="edit" />
        </button>
      </header>
      <div class="search">
        <Icon name="search" />
        <input
          type="search"
          class="search-field"
          placeholder={t.searchConversations}
          aria-label={t.searchConversations}
          value={app.search.value}
          onInput={(event) => (app.search.value = event.currentTarget.value)}
          onKeyDown={(event) => event.key === "Escape" && (app.search.value = "")}
        />
      </div>
      <div class="list-scroll">
        {session.invitations.value.length > 0 && <Invitations />}
        <div ref={list}>
          <Rows rows={query ? shown : shown?.filter(({ me }) => !me?.archived)} />
          {!query && <Archived rows={shown?.filter(({ me }) => me?.archived)} />}
        </div>
        {rows && !rows.length && (
          <div class="empty-list">
            <p>{t.noConversations}</p>
            <p class="faint">{t.noConversationsHint}</p>
          </div>
        )}
        {query && !shown?.length && <p class="empty-list faint">{t.noMatches(app.search.value.trim())}</p>}
        {session.hasMore.value && !query && (
          <button type="button" class="button more-rows" onClick={() => void session.attempt(() => session.list.more())}>
            {t.loadMore}
          </button>
        )}
      </div>
    </nav>
  );
}
