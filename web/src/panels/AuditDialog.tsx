import { useEffect, useState } from "preact/hooks";
import type { OpenConversation } from "../state/conversation.ts";
import { momentText } from "../text/dates.ts";
import { allTexts } from "../text/texts.ts";
import { useApp } from "../ui/app.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { type AuditEntry, useRequests } from "./requests.ts";
import { usePanelStyles } from "./styles.ts";

/** Every use of a moderation right in a conversation, for its owners. */
export function AuditDialog({ conversation }: { conversation: OpenConversation }) {
  usePanelStyles();
  const { session } = useApp();
  const server = useRequests();
  const t = allTexts.value;
  const [entries, setEntries] = useState<readonly AuditEntry[] | null>(null);
  const [cursor, setCursor] = useState<string | undefined>();
  const load = () =>
    session.attempt(async () => {
      const page = await server.audit(conversation.id, cursor);
      setEntries([...(entries ?? []), ...page.items]);
      setCursor(page.cursor);
    });
  useEffect(() => void load(), []);
  const nameOf = (id: string | undefined) => (id ? conversation.member(id)?.name || id : "");
  return (
    <Dialog title={t.audit} wide>
      <p class="faint">{t.auditHint}</p>
      <ol class="rows">
        {entries?.map((entry, index) => (
          <li key={index} class="row">
            <span>
              <b dir="auto">{nameOf(entry.actor_id)}</b> {t.auditActions[entry.action] ?? entry.action} <b dir="auto">{nameOf(entry.participant_id)}</b>
              {entry.role && `: ${t.roles[entry.role] ?? entry.role}`}
            </span>
            <time class="faint" dateTime={entry.created_at}>
              {momentText(entry.created_at)}
            </time>
          </li>
        ))}
      </ol>
      {entries && !entries.length && <p class="faint">{t.noAudit}</p>}
      {cursor && (
        <button type="button" class="button" onClick={() => void load()}>
          {t.loadMore}
        </button>
      )}
    </Dialog>
  );
}
