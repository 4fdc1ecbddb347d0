import { useState } from "preact/hooks";
import type { OpenConversation } from "../state/conversation.ts";
import { allTexts } from "../text/texts.ts";
import { type DialogState, useApp } from "../ui/app.ts";
import { Icon, type IconName } from "../ui/Icon.tsx";
import { useRequests } from "./requests.ts";

/** The title and the join policy, the ways to invite, and the ways to leave. */
export function ConversationSettings({ conversation, role }: { conversation: OpenConversation; role: string }) {
  const app = useApp();
  const t = allTexts.value;
  const { session } = app;
  const server = useRequests();
  const isModerator = role !== "member";
  const policy = String(session.row(conversation.id)?.joinPolicy ?? "");
  const openDialog = (kind: "invites" | "audit" | "bans" | "reports") => () => (app.dialog.value = { kind, conversation } as DialogState);
  const leave = async () => {
    if (!(await session.attempt(() => server.leave(conversation.id)))) return;
    app.select(null);
    await session.list.reload(); // hiding a direct conversation is not pushed
  };
  const remove = async () => {
    if (await session.attempt(() => server.deleteConversation(conversation.id))) app.select(null);
  };
  return (
    <section class="settings">
      {isModerator && <TitleForm conversation={conversation} />}
      {isModerator && policy in t.joinPolicies && (
        <label class="field">
          <span>{t.joinPolicy}</span>
          <select
            value={policy}
            onChange={(event) => {
              const choice = event.currentTarget;
              const { value } = choice;
              choice.value = policy; // until the log has the change
              void session.attempt(() => server.change(conversation.id, { join_policy: value }));
            }}
          >
            {Object.entries(t.joinPolicies).map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </select>
        </label>
      )}
      <div class="panel-actions">
        {isModerator && <PanelAction icon="link" text={t.invites} run={openDialog("invites")} />}
        {isModerator && <PanelAction icon="shield" text={t.bans} run={openDialog("bans")} />}
        {isModerator && <PanelAction icon="flag" text={t.reports} run={openDialog("reports")} />}
        {role === "owner" && <PanelAction icon="clock" text={t.audit} run={openDialog("audit")} />}
        {session.row(conversation.id)?.direct ? (
          <PanelAction
            icon="archive"
            text={t.hideConversation}
            run={() => app.confirm(t.hideQuestion, t.hideConversation, leave, t.hideHint)}
          />
        ) : (
          <PanelAction icon="leave" text={t.leave} run={() => app.confirm(t.leaveQuestion, t.leave, leave, t.leaveHint)} />
        )}
        {role === "owner" && (
          <PanelAction
            icon="trash"
            text={t.deleteConversation}
            isDangerous
            run={() => app.confirm(t.deleteConversationQuestion, t.delete, remove, t.deleteConversationHint)}
          />
        )}
      </div>
    </section>
  );
}

interface PanelActionProps {
  icon: IconName;
  text: string;
  run: () => unknown;
  isDangerous?: boolean;
}

function PanelAction({ icon, text, run, isDangerous }: PanelActionProps) {
  return (
    <button type="button" class={isDangerous ? "menu-item dangerous" : "menu-item"} onClick={run}>
      <Icon name={icon} /> {text}
    </button>
  );
}

function TitleForm({ conversation }: { conversation: OpenConversation }) {
  const { session } = useApp();
  const server = useRequests();
  const t = allTexts.value;
  const title = session.title(conversation.id);
  const [text, setText] = useState<string | null>(null);
  const save = async (event: Event) => {
    event.preventDefault();
    if (text?.trim() && (await session.attempt(() => server.change(conversation.id, { title: text.trim() })))) setText(null);
  };
  return (
    <form class="field" onSubmit={save}>
      <label for="title-field">{t.title}</label>
      <div class="inline-form">
        <input
          id="title-field"
          maxLength={200}
          value={text ?? title}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        {text !== null && text.trim() !== title && (
          <button type="submit" class="button primary" disabled={!text.trim()}>
            {t.save}
          </button>
        )}
      </div>
    </form>
  );
}
