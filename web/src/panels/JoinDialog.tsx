import { useState } from "preact/hooks";
import type { ChatError } from "serverless-chat";
import { allTexts, errorText } from "../text/texts.ts";
import { useApp } from "../ui/app.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { useRequests } from "./requests.ts";
import { usePanelStyles } from "./styles.ts";
import { useAction } from "./useAction.ts";

/** The page behind an invite link: join the conversation. */
export function JoinDialog({ id, invite }: { id: string; invite: string }) {
  usePanelStyles();
  const app = useApp();
  const server = useRequests();
  const t = allTexts.value;
  const [error, setError] = useState<string | null>(null);
  const act = useAction();
  const open = () => {
    app.dialog.value = null;
    app.select(id);
  };
  const join = async () => {
    try {
      await server.join(id, invite);
      open();
    } catch (thrown) {
      const { code } = thrown as ChatError;
      if (code === "ALREADY_PARTICIPANT") return open();
      setError(code === "NOT_FOUND" ? t.joinRefused : errorText(thrown));
    }
  };
  return (
    <Dialog title={t.joinTitle}>
      <p>{t.joinHint}</p>
      {error && (
        <p class="form-error" role="alert">
          {error}
        </p>
      )}
      <div class="buttons end">
        <button type="button" class="button" onClick={() => (app.dialog.value = null)}>
          {t.cancel}
        </button>
        <button type="button" class="button primary" autofocus onClick={() => void act(join)}>
          {t.join}
        </button>
      </div>
    </Dialog>
  );
}
