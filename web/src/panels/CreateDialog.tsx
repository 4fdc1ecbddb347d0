import { useState } from "preact/hooks";
import { allTexts } from "../text/texts.ts";
import { useApp } from "../ui/app.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { useRequests } from "./requests.ts";
import { usePanelStyles } from "./styles.ts";
import { useAction } from "./useAction.ts";

/** Create a conversation with a title and people, or open the direct one with a single person. */
export function CreateDialog() {
  usePanelStyles();
  const app = useApp();
  const t = allTexts.value;
  const { session } = app;
  const server = useRequests();
  const [title, setTitle] = useState("");
  const [people, setPeople] = useState("");
  const act = useAction();
  const ids = [...new Set(people.split(/[\s,;]+/).filter((id) => id && id !== session.participantId))];
  const isDirect = !title.trim() && ids.length === 1;
  const create = (event: Event) => {
    event.preventDefault();
    void act(async () => {
      const named = ids.map((id) => ({ participant_id: id, name: nameOf(id) }));
      const created = await (isDirect
        ? server.direct(named[0]!.participant_id, named[0]!.name)
        : server.create(title.trim(), named));
      if (created.pending?.length) session.toast(t.createdPending(created.pending.map((one) => one.name || one.participant_id)));
      app.dialog.value = null;
      app.select(created.conversation_id);
    });
  };
  return (
    <Dialog title={t.newConversation}>
      <form class="form" onSubmit={create}>
        <label class="field">
          <span>{t.groupTitle}</span>
          <input
            autofocus
            maxLength={200}
            value={title}
            placeholder={t.groupTitlePlaceholder}
            onInput={(event) => setTitle(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>{t.people}</span>
          <textarea rows={2} value={people} onInput={(event) => setPeople(event.currentTarget.value)} />
          <small class="faint">{t.peopleHint}</small>
          <small class="faint">{t.directHint}</small>
        </label>
        <div class="buttons end">
          <button type="submit" class="button primary" disabled={!(title.trim() || isDirect)}>
            {t.create}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Return a name to show until the person's own token brings another one. */
const nameOf = (id: string): string => (/^[a-z]+$/.test(id) ? id[0]!.toUpperCase() + id.slice(1) : id);
