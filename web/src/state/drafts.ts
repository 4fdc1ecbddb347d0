/**
 * Unsent texts, one for each conversation. They survive a reload, belong to one participant of one server, and are the
 * same in all tabs: the last change of a text wins.
 */

import { signal } from "@preact/signals";

const PREFIX = "serverless-chat/draft/";
const SAVE_DELAY = 300;

export class Drafts {
  /** Counts the changes that were not made in the field for the text. */
  readonly changes = signal(0);
  private readonly prefix: string;
  /** The texts that the storage does not have yet, or has refused. */
  private readonly unsaved = new Map<string, string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly ends = new AbortController();

  constructor(httpUrl: string, participantId: string) {
    this.prefix = `${PREFIX}${httpUrl}/${participantId}/`;
    const ended = { signal: this.ends.signal };
    addEventListener("pagehide", () => this.save(), ended);
    addEventListener("storage", ({ key }) => this.changed(key), ended);
  }

  /** Return the text for a conversation. A component that reads it is rendered again when another tab changes it. */
  get(conversationId: string): string {
    this.changes.value;
    return this.unsaved.get(conversationId) ?? stored(() => localStorage.getItem(this.prefix + conversationId)) ?? "";
  }

  set(conversationId: string, text: string): void {
    this.unsaved.set(conversationId, text);
    clearTimeout(this.timer);
    // An empty one was sent, and must not be offered again, here after a crash or in another tab.
    if (text) this.timer = setTimeout(() => this.save(), SAVE_DELAY);
    else this.save();
  }

  /** Set a text, and show it in the field. */
  restore(conversationId: string, text: string): void {
    this.set(conversationId, text);
    this.changes.value++;
  }

  /** Save everything, and end. */
  close(): void {
    this.save();
    this.drop();
  }

  /** Delete everything, and end: the participant signs out, here or in another tab, after whose deletion this one may have saved. */
  clear(): void {
    this.drop();
    stored(() => {
      for (const key of Object.keys(localStorage)) if (key.startsWith(this.prefix)) localStorage.removeItem(key);
    });
  }

  private drop(): void {
    clearTimeout(this.timer);
    this.unsaved.clear();
    this.ends.abort();
  }

  /** Take over the change of another tab, of all texts if there is no key. A text that is not saved here is later. */
  private changed(key: string | null): void {
    if (key === null || key.startsWith(this.prefix)) this.changes.value++;
  }

  private save(): void {
    for (const [id, text] of this.unsaved) {
      const key = this.prefix + id;
      const isSaved = stored(() => (text ? localStorage.setItem(key, text) : localStorage.removeItem(key), true));
      if (isSaved) this.unsaved.delete(id);
    }
  }
}

/** Access the storage; where it is full or not allowed, drafts last as long as the page. */
function stored<T>(access: () => T): T | null {
  try {
    return access();
  } catch {
    return null;
  }
}
