import type { RefObject } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { useApp } from "./app.ts";

/**
 * Return a reference for a list of rows with buttons, or for a message. Browsers take the focus from an element that is
 * moved or removed: here a row keeps it when it moves, and otherwise it moves to the message, or to the first button of
 * the list, or of the part of the page around it.
 */
export function useKeptFocus<List extends HTMLElement = HTMLUListElement>(): RefObject<List | null> {
  const { root } = useApp();
  const list = useRef<List>(null);
  const focused = root.activeElement as HTMLElement | null;
  const around = list.current?.contains(focused) && list.current.closest<HTMLElement>("article, dialog, aside, nav");
  useLayoutEffect(() => {
    if (!around) return;
    const row = focused!.closest("li")?.querySelector("button");
    const first = list.current?.querySelector("button") ?? around.querySelector("button");
    const places = [focused, row, around.closest<HTMLElement>("article"), first];
    for (const place of places) if (!root.activeElement) place?.focus({ preventScroll: true });
  });
  return list;
}
