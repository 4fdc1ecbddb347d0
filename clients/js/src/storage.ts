/** Where the outbox and the positions are kept. */

import type { Json, Sent } from "./core/outputs.ts";

export type { Sent };

/** The changes that a client receives of other clients on a shared storage, such as the tabs of a browser. */
export interface SharedStorageEvents {
  /**
   * Another client has changed a value: `value` is what the storage has now, or null if it was deleted. Leave out the
   * news of a saved value that was deleted meanwhile: those of its deletion follow.
   */
  changed(key: string, value: Json | null, sent: Sent | null): void;
  /** From now on this client sends the outbox, of which `stored` is the present state. */
  drains(stored: Record<string, Json>): void;
}

/**
 * Values by key. `save` and `forget` end when the change is durable; a message is not sent before that.
 *
 * A storage that several clients share has `share`: one client at a time sends the outbox. Tell the others of a change
 * before it is durable, and let them read its result: a client that is killed in between would leave one that none knows.
 */
export interface Storage {
  /** Return all values by their keys. */
  load(): Record<string, Json> | Promise<Record<string, Json>>;
  /** Set a value. */
  save(key: string, value: Json): void | Promise<void>;
  /**
   * Delete a value.
   *
   * @param sent - Where the item is in the log, if it is deleted for that reason.
   */
  forget(key: string, sent: Sent | null): void | Promise<void>;
  /** Delete everything: the participant signs out. Clients that began before it store nothing more. */
  clear(): void | Promise<void>;
  /** Begin to share; return a function that ends it. Without `share`, the client is the only one. */
  share?(events: SharedStorageEvents): () => void;
}

/** Storage that ends with the page or process. */
export class MemoryStorage implements Storage {
  private readonly _values = new Map<string, string>();

  load(): Record<string, Json> {
    return Object.fromEntries([...this._values].map(([key, text]) => [key, JSON.parse(text)]));
  }

  save(key: string, value: Json): void {
    this._values.set(key, JSON.stringify(value));
  }

  forget(key: string): void {
    this._values.delete(key);
  }

  clear(): void {
    this._values.clear();
  }
}
