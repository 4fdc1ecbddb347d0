import { texts } from "../text/texts.ts";
import { type DialogState, useApp } from "./app.ts";
import { Dialog } from "./Dialog.tsx";
import { lazy } from "./lazy.ts";

const CreateDialog = lazy(async () => (await import("../panels/CreateDialog.tsx")).CreateDialog);
const JoinDialog = lazy(async () => (await import("../panels/JoinDialog.tsx")).JoinDialog);
const AddDialog = lazy(async () => (await import("../panels/AddDialog.tsx")).AddDialog);
const InvitesDialog = lazy(async () => (await import("../panels/InvitesDialog.tsx")).InvitesDialog);
const AuditDialog = lazy(async () => (await import("../panels/AuditDialog.tsx")).AuditDialog);
const BansDialog = lazy(async () => (await import("../panels/BansDialog.tsx")).BansDialog);
const ReportDialog = lazy(async () => (await import("../panels/ReportDialog.tsx")).ReportDialog);
const ReportsDialog = lazy(async () => (await import("../panels/ReportsDialog.tsx")).ReportsDialog);
const BlocksDialog = lazy(async () => (await import("../panels/BlocksDialog.tsx")).BlocksDialog);
const ProfileDialog = lazy(async () => (await import("../panels/ProfileDialog.tsx")).ProfileDialog);
const ShortcutsDialog = lazy(async () => (await import("../panels/ShortcutsDialog.tsx")).ShortcutsDialog);

/** The dialog that is open, if one is. */
export function Dialogs() {
  const state = useApp().dialog.value;
  switch (state?.kind) {
    case "confirm":
      return <ConfirmDialog state={state} />;
    case "create":
      return <CreateDialog />;
    case "join":
      return <JoinDialog id={state.id} invite={state.invite} />;
    case "add":
      return <AddDialog conversation={state.conversation} />;
    case "invites":
      return <InvitesDialog conversation={state.conversation} />;
    case "audit":
      return <AuditDialog conversation={state.conversation} />;
    case "bans":
      return <BansDialog conversation={state.conversation} />;
    case "report":
      return <ReportDialog conversation={state.conversation} message={state.message} />;
    case "reports":
      return <ReportsDialog conversation={state.conversation} />;
    case "blocks":
      return <BlocksDialog />;
    case "profile":
      return <ProfileDialog />;
    case "shortcuts":
      return <ShortcutsDialog />;
    default:
      return null;
  }
}

function ConfirmDialog({ state }: { state: Extract<DialogState, { kind: "confirm" }> }) {
  const app = useApp();
  const confirm = () => {
    app.dialog.value = null;
    state.run();
  };
  return (
    <Dialog title={state.question}>
      {state.hint && <p>{state.hint}</p>}
      <div class="buttons end">
        <button type="button" class="button" autofocus onClick={() => (app.dialog.value = null)}>
          {texts.value.cancel}
        </button>
        <button type="button" class="button danger" onClick={confirm}>
          {state.action}
        </button>
      </div>
    </Dialog>
  );
}
