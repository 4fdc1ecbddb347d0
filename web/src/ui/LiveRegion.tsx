import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";

/** Announces new messages and results to screen readers. Only the region of the topmost dialog has a text. */
export function LiveRegion({ inDialog = false }: { inDialog?: boolean }) {
  const app = useApp();
  const { number, text } = app.announcement.value;
  const isTopmost = inDialog === (app.dialog.value !== null);
  return (
    <div class="visually-hidden" role="status" aria-live="polite" aria-atomic="true" lang={texts.value.language}>
      {isTopmost && text && <span key={number}>{text}</span>}
    </div>
  );
}
