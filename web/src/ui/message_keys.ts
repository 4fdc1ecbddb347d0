/** The keys of the message list. */

import type { OpenConversation } from "../state/conversation.ts";
import type { Entry } from "../state/entries.ts";
import type { App } from "./app.ts";
import { messageActions } from "./message_actions.ts";

interface KeyContext {
  app: App;
  conversation: OpenConversation;
  entries: readonly Entry[];
  index: number;
  moveTo: (index: number) => void;
}

/** Move between messages, or carry out the action of a key on the focused message. */
export function messageKeyDown(event: KeyboardEvent, { app, conversation, entries, index, moveTo }: KeyContext): void {
  const isOnEntry = (event.target as HTMLElement).matches("[data-key], .message-viewport");
  if (!isOnEntry || event.ctrlKey || event.metaKey || event.altKey) return;
  const entry = entries[index];
  switch (event.key) {
    case "ArrowDown":
      moveTo(index + 1);
      break;
    case "ArrowUp":
      moveTo(index - 1);
      break;
    case "Home":
      moveTo(0);
      break;
    case "End":
      moveTo(entries.length - 1);
      break;
    default: {
      const action = entry?.kind === "message" ? messageActions(app, conversation, entry.message) : {};
      const key = event.key === "Delete" ? "delete" : event.key;
      const run = { r: action.reply, e: action.edit, c: action.copy, delete: action.delete, "+": action.openPicker }[key];
      if (!run) return;
      if (key === "+") (event.target as HTMLElement).querySelector<HTMLElement>(".react-button")?.click();
      else run();
    }
  }
  event.preventDefault();
  event.stopPropagation();
}
