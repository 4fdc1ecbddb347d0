import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { Icon } from "./Icon.tsx";

/** Short messages about events of this moment. */
export function Toasts() {
  const { session } = useApp();
  return (
    <div class="toasts" role="status" aria-live="polite">
      {session.toasts.value.map(({ id, text }) => (
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
