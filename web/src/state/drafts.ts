/** Unsent texts, one for each conversation. They survive a reload, and belong to one participant of one server. */

const PREFIX = "serverless-chat/draft/";
const SAVE_DELAY = 300;

export class Drafts {
  private readonly prefix: string;
  private readonly values = new Map<string, string>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly changed = new Set<string>();

  constructor(httpUrl: string, participantId: string) {
    this.prefix = `${PREFIX}${httpUrl}/${participantId}/`;
    addEventListener("pagehide", () => this.save());
  }

  get(conversationId: string): string {
    return this.values.get(conversationId) ?? stored(() => localStorage.getItem(this.prefix + conversationId)) ?? "";
  }

  set(conversationId: string, text: string): void {
    this.values.set(conversationId, text);
    this.changed.add(conversationId);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), SAVE_DELAY);
  }

  /** Delete everything: the participant signs out. */
  clear(): void {
    clearTimeout(this.timer);
    this.values.clear();
    this.changed.clear();
    stored(() => {
      for (const key of Object.keys(localStorage)) if (key.startsWith(this.prefix)) localStorage.removeItem(key);
    });
  }

  private save(): void {
    for (const id of this.changed) {
      const text = this.values.get(id) ?? "";
      stored(() => (text ? localStorage.setItem(this.prefix + id, text) : localStorage.removeItem(this.prefix + id)));
    }
    this.changed.clear();
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
