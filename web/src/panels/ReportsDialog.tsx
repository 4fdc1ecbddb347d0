import type { OpenConversation } from "../state/conversation.ts";
import { momentText } from "../text/dates.ts";
import { allTexts, isolated } from "../text/texts.ts";
import { useApp } from "../ui/app.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { useKeptFocus } from "../ui/useKeptFocus.ts";
import { type Report, useRequests } from "./requests.ts";
import { usePanelStyles } from "./styles.ts";
import { useAction } from "./useAction.ts";
import { useLoaded } from "./useLoaded.ts";

/** The open reports of a conversation, for its owners and moderators. */
export function ReportsDialog({ conversation }: { conversation: OpenConversation }) {
  usePanelStyles();
  const app = useApp();
  const t = allTexts.value;
  const { session } = app;
  const server = useRequests();
  const act = useAction();
  const list = useKeptFocus();
  const { items, load } = useLoaded(() => server.reports(conversation.id));
  const nameOf = (id: string) => conversation.member(id)?.name || id;
  const close = async ({ report_id }: Report, status: "resolved" | "dismissed") => {
    await act(() => server.closeReport(conversation.id, report_id, status), report_id);
    await load();
  };
  const show = async ({ sequence_id }: Report) => {
    app.dialog.value = null;
    app.uncover();
    if (!(await conversation.show(sequence_id))) session.toast(t.originalUnavailable);
  };
  return (
    <Dialog title={t.reports} wide>
      <ul ref={list} class="rows">
        {items?.map((report) => (
          <li key={report.report_id} class="row">
            <span>
              <b dir="auto">{nameOf(report.author_id)}</b>: <bdi>{report.reason}</bdi>
              <span class="faint report-source">{t.reportedBy(isolated(nameOf(report.reported_by)), momentText(report.created_at))}</span>
            </span>
            <button type="button" class="button small" onClick={() => void show(report)}>
              {t.showMessage}
            </button>
            <button type="button" class="button small" onClick={() => void close(report, "dismissed")}>
              {t.dismissReport}
            </button>
            <button type="button" class="button small" onClick={() => void close(report, "resolved")}>
              {t.resolve}
            </button>
          </li>
        ))}
      </ul>
      {items && !items.length && <p class="faint">{t.noReports}</p>}
    </Dialog>
  );
}
