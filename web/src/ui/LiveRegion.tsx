import { useRef } from "preact/hooks";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";

/**
 * Announces new messages and results to screen readers. Only the region of the topmost dialog gets a text, and none gets
 * one that another had: that would be a repetition when a dialog opens or closes.
 */
export function LiveRegion({ inDialog = false }: { inDialog?: boolean }) {
  const app = useApp();
  const { number, text } = app.announcement.value;
  const isTopmost = inDialog === (app.dialog.value !== null);
  const own = useRef(0);
  if (!isTopmost) own.current = 0;
  else if (app.speak(number)) own.current = number;
  return (
    <div class="visually-hidden" role="status" aria-live="polite" aria-atomic="true" lang={texts.value.language}>
      {own.current === number && text && <span key={number}>{text}</span>}
    </div>
  );
}
