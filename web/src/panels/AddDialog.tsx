import { useState } from "preact/hooks";
import type { OpenConversation } from "../state/conversation.ts";
import { allTexts } from "../text/texts.ts";
import { useApp } from "../ui/app.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { useRequests } from "./requests.ts";
import { usePanelStyles } from "./styles.ts";
import { useAction } from "./useAction.ts";

/** Add a person to the conversation, who may have to accept. */
export function AddDialog({ conversation }: { conversation: OpenConversation }) {
  usePanelStyles();
  const app = useApp();
  const t = allTexts.value;
  const { session } = app;
  const server = useRequests();
  const [id, setId] = useState("");
  const [name, setName] = useState("");
  const [role, setRole] = useState("member");
  const isOwner = conversation.member(session.participantId)?.role === "owner";
  const act = useAction();
  const add = (event: Event) => {
    event.preventDefault();
    void act(async () => {
      const added = await server.addMember(conversation.id, id.trim(), name.trim() || id.trim(), role);
      if (added.membership === "pending") session.toast(t.addedPending(name.trim() || id.trim()));
      app.dialog.value = null;
    });
  };
  return (
    <Dialog title={t.addMember}>
      <form class="form" onSubmit={add}>
        <label class="field">
          <span>{t.participantId}</span>
          <input autofocus required maxLength={255} value={id} onInput={(event) => setId(event.currentTarget.value)} />
          <small class="faint">{t.participantIdHint}</small>
        </label>
        <label class="field">
          <span>{t.displayName}</span>
          <input maxLength={100} value={name} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        {isOwner && (
          <label class="field">
            <span>{t.role}</span>
            <select value={role} onChange={(event) => setRole(event.currentTarget.value)}>
              {Object.entries(t.roles).map(([value, text]) => (
                <option key={value} value={value}>
                  {text}
                </option>
              ))}
            </select>
          </label>
        )}
        <div class="buttons end">
          <button type="submit" class="button primary" disabled={!id.trim()}>
            {t.addMember}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
