import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useApp } from "./app.ts";

/**
 * Return a reference for a list of rows with buttons. Browsers take the focus from a row that moves or leaves: here it
 * stays on the row, or moves to the first one, or to the first button around the list.
 */
export function useKeptFocus(): RefObject<HTMLUListElement | null> {
  const { root } = useApp();
  const list = useRef<HTMLUListElement>(null);
  const focused = root.activeElement as HTMLElement | null;
  const around = list.current?.contains(focused) && list.current.closest("dialog, aside, nav");
  useLayoutEffect(() => {
    if (!around) return;
    const row = focused!.closest("li")?.querySelector("button");
    const places = [focused, row, list.current?.querySelector("button"), around.querySelector("button")];
    for (const place of places) if (!root.activeElement) place?.focus({ preventScroll: true });
  });
  return list;
}
