import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { useApp } from "./app.ts";

const GAP = 4;

interface PopoverProps {
  /** The element beside which it is shown; it gets the focus back. */
  anchor: RefObject<HTMLElement | null>;
  label: string;
  role?: "menu" | "dialog";
  children: ComponentChildren;
  onClose: () => void;
}

/** A box above or below an element, in the top layer. It closes by Escape, Tab and a click elsewhere. */
export function Popover({ anchor, label, role = "dialog", children, onClose }: PopoverProps) {
  const app = useApp();
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    box.current!.showPopover();
    place(box.current!, anchor.current!);
  }, []);
  useEffect(() => {
    const resized = new ResizeObserver(() => box.current && anchor.current && place(box.current, anchor.current));
    resized.observe(box.current!);
    const pressed = (event: Event) => {
      const path = event.composedPath();
      if (!path.includes(box.current!) && !path.includes(anchor.current!)) onClose();
    };
    document.addEventListener("pointerdown", pressed);
    return () => {
      resized.disconnect();
      document.removeEventListener("pointerdown", pressed);
      const active = app.root.activeElement;
      if (!active || box.current?.contains(active)) anchor.current?.focus();
    };
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" && !(event.key === "Tab" && role === "menu")) return;
    event.preventDefault();
    event.stopPropagation();
    anchor.current?.focus();
    onClose();
  };
  return (
    <div ref={box} popover="manual" class={role === "menu" ? "popover menu" : "popover"} role={role} aria-label={label} onKeyDown={onKeyDown}>
      {children}
    </div>
  );
}

/** Put a box below its anchor, or above it where there is more space, and inside the window. */
function place(box: HTMLElement, anchor: HTMLElement): void {
  const around = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = box;
  const isBelow = around.bottom + GAP + height <= innerHeight || around.top < height + GAP;
  const top = isBelow ? Math.min(around.bottom + GAP, innerHeight - height - GAP) : around.top - GAP - height;
  const isRtl = getComputedStyle(anchor).direction === "rtl";
  const left = isRtl ? around.left : around.right - width;
  box.style.top = `${Math.max(GAP, top)}px`;
  box.style.left = `${Math.max(GAP, Math.min(left, innerWidth - width - GAP))}px`;
}
