import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { Icon } from "./Icon.tsx";

/** Short messages about events of this moment, in the topmost dialog: everything outside a modal dialog is inert. */
export function Toasts({ inDialog = false }: { inDialog?: boolean }) {
  const { session, dialog } = useApp();
  const isTopmost = inDialog === (dialog.value !== null);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {(isTopmost ? session.toasts.value : []).map(({ id, text }) => (
        <div key={id} class="toast">
          {text}
          <button type="button" class="icon-button small" aria-label={texts.value.dismiss} onClick={() => session.dismiss(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
