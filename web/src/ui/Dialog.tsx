import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { Icon } from "./Icon.tsx";
import { LiveRegion } from "./LiveRegion.tsx";
import { Toasts } from "./Toasts.tsx";

/** A modal dialog with a title. It closes by Escape, by its button and by a click beside it. */
export function Dialog({ title, children, wide = false }: { title: string; children: ComponentChildren; wide?: boolean }) {
  const app = useApp();
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  /** Whether the pointer was pressed beside the content: the selection of a text can end there, too. */
  const isPressedBeside = useRef(false);
  const close = () => (app.dialog.value = null);
  useLayoutEffect(() => {
    const before = app.root.activeElement as HTMLElement | null;
    const dialog = element.current!;
    dialog.showModal();
    dialog.querySelector<HTMLElement>("[autofocus]")?.focus();
    return () => {
      dialog.close();
      before?.focus();
      const isHidden = app.root.activeElement !== before; // the actions of a message are, without focus on it
      if (isHidden) before?.closest<HTMLElement>("article")?.focus({ preventScroll: true });
    };
  }, []);
  return (
    <dialog
      ref={element}
      class={wide ? "dialog wide" : "dialog"}
      aria-labelledby={titleId}
      onCancel={close}
      onPointerDown={(event) => (isPressedBeside.current = event.target === element.current)}
      onClick={(event) => event.target === element.current && isPressedBeside.current && close()}
    >
      <div class="dialog-content">
        <header class="dialog-header">
          <h2 id={titleId}>{title}</h2>
          <button type="button" class="icon-button" aria-label={texts.value.closePanel} onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
      <Toasts inDialog />
      <LiveRegion inDialog />
    </dialog>
  );
}
