import { useState } from "preact/hooks";
import { texts } from "../text/texts.ts";
import { useApp } from "../ui/app.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { usePanelStyles } from "./styles.ts";

/** Create a conversation with a title and people. */
export function CreateDialog() {
  usePanelStyles();
  const app = useApp();
  const t = texts.value;
  const { session } = app;
  const [title, setTitle] = useState("");
  const [people, setPeople] = useState("");
  const [isBusy, setBusy] = useState(false);
  const create = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    const isDone = await session.attempt(async () => {
      const ids = [...new Set(people.split(/[\s,;]+/).filter((id) => id && id !== session.participantId))];
      const created = await session.server.create(title.trim(), ids.map((id) => ({ participant_id: id, name: nameOf(id) })));
      if (created.pending?.length) session.toast(t.createdPending(created.pending.map((one) => one.name || one.participant_id)));
      app.dialog.value = null;
      app.select(created.conversation_id);
    });
    if (!isDone) setBusy(false);
  };
  return (
    <Dialog title={t.newConversation}>
      <form class="form" onSubmit={create}>
        <label class="field">
          <span>{t.groupTitle}</span>
          <input
            autofocus
            dir="auto"
            required
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
        </label>
        <div class="buttons end">
          <button type="submit" class="button primary" disabled={!title.trim() || isBusy}>
            {t.create}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Return a name to show until the person's own token brings another one. */
const nameOf = (id: string): string => (/^[a-z]+$/.test(id) ? id[0]!.toUpperCase() + id.slice(1) : id);
