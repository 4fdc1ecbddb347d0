/** The keys that work everywhere in the component. */

import type { App } from "./app.ts";

const MODIFIED = /^(?:Mac|iP)/.test(navigator.platform) ? "metaKey" : "ctrlKey";

/** Carry out a shortcut, unless the user writes or a dialog is open. */
export function globalKeyDown(event: KeyboardEvent, app: App): void {
  const target = event.composedPath()[0] as HTMLElement;
  if (event.defaultPrevented || app.dialog.value || event.isComposing) return;
  const isModified = event[MODIFIED] && !event.altKey;
  if (isModified && event.key.toLowerCase() === "k") return run(event, () => focus(app, ".search-field"));
  if (event.altKey && /^Arrow(Up|Down)$/.test(event.key)) {
    return run(event, () => move(app, event.key === "ArrowDown" ? 1 : -1, event.shiftKey));
  }
  if (event.key === "Escape" && app.isPanelOpen.value) return run(event, () => void (app.isPanelOpen.value = false));
  const isWriting = target.matches?.("input, textarea, select, [contenteditable]");
  if (isWriting || event.ctrlKey || event.metaKey || event.altKey) return;
  const isInside = target === document.body || app.root.contains(target);
  if (!isInside) return;
  const action = {
    "?": () => (app.dialog.value = { kind: "shortcuts" }),
    "/": () => focus(app, ".search-field"),
    i: () => focus(app, ".composer-field"),
    n: () => (app.dialog.value = { kind: "create" }),
    m: app.session.open.value ? () => togglePanel(app) : undefined,
    Escape: () => focus(app, ".composer-field"),
  }[event.key];
  if (action) run(event, action);
}

/** Carry out an action. One that finds nothing to do is left to another component of the page, or to the browser. */
function run(event: Event, action: () => unknown): void {
  if (action() !== false) event.preventDefault();
}

function togglePanel(app: App): void {
  app.isPanelFocusWanted = !app.isPanelOpen.value;
  app.isPanelOpen.value = app.isPanelFocusWanted;
}

function focus(app: App, selector: string): boolean {
  const element = app.root.querySelector<HTMLElement>(selector);
  element?.focus();
  return !!element;
}

/** Open the next or previous conversation of the list, or of its unread ones. */
function move(app: App, step: number, onlyUnread: boolean): void {
  const rows = app.session.conversations.value ?? [];
  const index = rows.findIndex(({ conversationId }) => conversationId === app.session.openId.value);
  for (let next = index + step; next >= 0 && next < rows.length; next += step) {
    const row = rows[next]!;
    if (!onlyUnread || row.unreadCount) return app.select(row.conversationId);
  }
}
