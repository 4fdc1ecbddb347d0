import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { Icon } from "./Icon.tsx";

/**
 * Short messages about events of this moment, in the topmost dialog: everything outside a modal dialog is inert. They
 * are announced by the live region, once: here they move when a dialog opens or closes.
 */
export function Toasts({ inDialog = false }: { inDialog?: boolean }) {
  const { session, dialog } = useApp();
  const isTopmost = inDialog === (dialog.value !== null);
  return (
    <div class="toasts">
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
