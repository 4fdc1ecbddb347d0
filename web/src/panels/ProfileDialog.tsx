import { useState } from "preact/hooks";
import { allTexts } from "../text/texts.ts";
import { useApp } from "../ui/app.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { useRequests } from "./requests.ts";
import { usePanelStyles } from "./styles.ts";
import { useAction } from "./useAction.ts";
import { useLoaded } from "./useLoaded.ts";

const MAX_NAME = 100;
const MAX_URL = 500;

/** The participant's own name and, where the page may load pictures, the address of one. */
export function ProfileDialog() {
  usePanelStyles();
  const app = useApp();
  const t = allTexts.value;
  const { session } = app;
  const server = useRequests();
  const act = useAction();
  const me = useLoaded(async () => [await server.me()]).items?.[0];
  const [name, setName] = useState<string | null>(null);
  const [picture, setPicture] = useState<string | null>(null);
  const shownName = name ?? me?.profile?.name ?? me?.name ?? "";
  const shownPicture = picture ?? me?.profile?.avatar_url ?? "";
  const save = async (event: Event) => {
    event.preventDefault();
    const { metadata = {} } = me?.profile ?? {};
    const fields = { name: shownName.trim(), metadata, ...(shownPicture ? { avatar_url: shownPicture.trim() } : {}) };
    if (!(await act(() => server.setProfile(fields)))) return;
    app.dialog.value = null;
    session.toast(t.profileSaved);
  };
  return (
    <Dialog title={t.profile}>
      <form class="form" onSubmit={save}>
        <label class="field">
          <span>{t.displayName}</span>
          <input autofocus required maxLength={MAX_NAME} value={shownName} onInput={(event) => setName(event.currentTarget.value)} />
        </label>
        {app.imageOrigins.value.length > 0 && (
          <label class="field">
            <span>{t.picture}</span>
            <input type="url" maxLength={MAX_URL} value={shownPicture} onInput={(event) => setPicture(event.currentTarget.value)} />
            <small class="faint">{t.pictureHint(app.imageOrigins.value.join(", "))}</small>
          </label>
        )}
        <div class="buttons end">
          <button type="submit" class="button primary" disabled={!me || !shownName.trim()}>
            {t.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
