/**
 * The announcement of new messages to screen readers: exactly those that arrive, none of a page of history; and of own
 * messages that were refused, when that happens.
 */

import { effect } from "@preact/signals";
import type { OpenConversation } from "../state/conversation.ts";
import type { Entry, MessageEntry } from "../state/entries.ts";
import { errorText, texts } from "../text/texts.ts";
import type { App } from "./app.ts";
import { shownName, shownText } from "./message_text.ts";

/** More messages at once are announced as a number. */
const MAX_SPOKEN = 3;

/** Announce the messages after the newest one that was there; returns a function that ends it. */
export function announceNew(app: App, conversation: OpenConversation): () => void {
  let newest: number | null = null;
  let refused: ReadonlySet<string> = new Set();
  return effect(() => {
    const entries = conversation.entries.value;
    if (!conversation.isLoaded.value) return;
    const last = newestPlace(entries);
    const failures = failed(entries);
    const failure = failures.find(({ key }) => !refused.has(key));
    refused = new Set(failures.map(({ key }) => key));
    if (newest === null || last < newest) {
      newest = last; // the conversation was opened, or begins anew after a restore
      return;
    }
    const added = after(entries, newest, app.session.participantId);
    newest = last;
    if (added.length) app.announce(announced(app, conversation, added));
    if (failure) app.announce(`${texts.value.failed}: ${errorText(failure.message.error)}`);
  });
}

function newestPlace(entries: readonly Entry[]): number {
  for (let index = entries.length - 1; index >= 0; index--) {
    const entry = entries[index]!;
    if (entry.kind === "notice" || entry.message.status === "sent") return entry.sequenceId!;
  }
  return 0;
}

/** Return the messages that were refused: they are at the end, as all that are not sent. */
function failed(entries: readonly Entry[]): MessageEntry[] {
  const found: MessageEntry[] = [];
  for (let index = entries.length - 1; index >= 0; index--) {
    const entry = entries[index]!;
    if (entry.kind !== "message" || entry.message.status === "sent") break;
    if (entry.message.status === "failed") found.push(entry);
  }
  return found;
}

function after(entries: readonly Entry[], newest: number, me: string): MessageEntry[] {
  const added: MessageEntry[] = [];
  for (let index = entries.length - 1; index >= 0; index--) {
    const entry = entries[index]!;
    if (entry.kind !== "message" || entry.message.status !== "sent") continue;
    if (entry.sequenceId! <= newest) break;
    if (entry.message.sender?.participantId !== me) added.unshift(entry);
  }
  return added;
}

function announced({ session }: App, conversation: OpenConversation, added: readonly MessageEntry[]): string {
  const t = texts.value;
  if (added.length > MAX_SPOKEN) return t.jumpToNew(added.length);
  return added
    .map(({ message }) => t.announceMessage(shownName(conversation, message.sender), shownText(session, conversation.id, message)))
    .join("\n");
}
