import { useState } from "preact/hooks";
import type { Message } from "serverless-chat";
import type { OpenConversation } from "../state/conversation.ts";
import { allTexts } from "../text/texts.ts";
import { useApp } from "../ui/app.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { shownText } from "../ui/message_text.ts";
import { useRequests } from "./requests.ts";
import { usePanelStyles } from "./styles.ts";
import { useAction } from "./useAction.ts";

const MAX_REASON = 1_000;

/** Report a message to the owners and moderators. */
export function ReportDialog({ conversation, message }: { conversation: OpenConversation; message: Message }) {
  usePanelStyles();
  const app = useApp();
  const t = allTexts.value;
  const { session } = app;
  const server = useRequests();
  const act = useAction();
  const [reason, setReason] = useState("");
  const report = async (event: Event) => {
    event.preventDefault();
    if (!(await act(() => server.report(conversation.id, message.sequenceId!, reason.trim())))) return;
    app.dialog.value = null;
    session.toast(t.reportSent);
  };
  return (
    <Dialog title={t.reportTitle}>
      <blockquote class="reported" dir="auto">
        {shownText(session, conversation.id, message)}
      </blockquote>
      <form class="form" onSubmit={report}>
        <label class="field">
          <span>{t.reportReason}</span>
          <textarea
            autofocus
            rows={3}
            required
            maxLength={MAX_REASON}
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
          <small class="faint">{t.reportHint}</small>
        </label>
        <div class="buttons end">
          <button type="submit" class="button primary" disabled={!reason.trim()}>
            {t.report}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
