import { useState } from "preact/hooks";
import { allTexts } from "../text/texts.ts";
import { useApp } from "../ui/app.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { useKeptFocus } from "../ui/useKeptFocus.ts";
import { usePanelStyles } from "./styles.ts";

/** The participants whom this one has blocked. */
export function BlocksDialog() {
  usePanelStyles();
  const { session } = useApp();
  const t = allTexts.value;
  const [id, setId] = useState("");
  const list = useKeptFocus();
  const blocked = [...session.blocks.ids.value].sort();
  const block = async (event: Event) => {
    event.preventDefault();
    if (await session.setBlocked(id.trim(), true)) setId("");
  };
  return (
    <Dialog title={t.blockedParticipants}>
      <p class="faint">{t.blockHint}</p>
      <form class="fields" onSubmit={block}>
        <label class="field">
          <span>{t.participantId}</span>
          <input required maxLength={255} value={id} onInput={(event) => setId(event.currentTarget.value)} />
        </label>
        <button type="submit" class="button primary" disabled={!id.trim()}>
          {t.block}
        </button>
      </form>
      <ul ref={list} class="rows">
        {blocked.map((participantId) => (
          <li key={participantId} class="row">
            <span>{participantId}</span>
            <button type="button" class="button small" onClick={() => void session.setBlocked(participantId, false)}>
              {t.unblock}
            </button>
          </li>
        ))}
      </ul>
      {!blocked.length && <p class="faint">{t.noBlocks}</p>}
    </Dialog>
  );
}
