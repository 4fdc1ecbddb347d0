/** Storage in a browser, shared by its tabs. */

import type { Json } from "./core/outputs.ts";
import type { Sent, SharedStorageEvents, Storage } from "./storage.ts";

const STORE = "values";

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/**
 * Storage in IndexedDB, shared by all tabs of an origin: one of them sends the outbox, by a Web Lock, and another one
 * takes over when it is closed. Without Web Locks or BroadcastChannel, give each tab its own storage.
 */
export class IndexedDbStorage implements Storage {
  private readonly _name: string;
  private _opened: Promise<IDBDatabase> | undefined;
  private _channel?: BroadcastChannel;

  /**
   * Open no database yet: `load` does.
   *
   * @param httpUrl - The address of the HTTP API: each server has its own storage.
   * @param participantId - The participant: no other one reads or sends the messages that this one has written.
   */
  constructor(httpUrl: string, participantId: string) {
    this._name = `serverless-chat ${httpUrl} ${participantId}`;
  }

  async load(): Promise<Record<string, Json>> {
    const store = await this._store("readonly");
    const [keys, values] = await Promise.all([settled(store.getAllKeys()), settled(store.getAll())]);
    return Object.fromEntries(keys.map((key, index) => [key, values[index]]));
  }

  save(key: string, value: Json): Promise<void> {
    return this._change((store) => store.put(value, key), { key, sent: null, isSaved: true });
  }

  forget(key: string, sent: Sent | null): Promise<void> {
    return this._change((store) => store.delete(key), { key, sent });
  }

  clear(): Promise<void> {
    return this._change((store) => store.clear());
  }

  share(events: SharedStorageEvents): () => void {
    const channel = (this._channel = new BroadcastChannel(this._name));
    const end = new AbortController();
    let release = () => {};
    channel.onmessage = async ({ data: { key, sent, isSaved } }) => {
      const value = await settled((await this._store("readonly")).get(key));
      if (!value && isSaved) return; // it was deleted meanwhile, and the next message says whether it was sent
      if (!end.signal.aborted) events.changed(key, value ?? null, sent);
    };
    const drain = async () => {
      const stored = await this.load();
      if (end.signal.aborted) return;
      events.drains(stored);
      await new Promise<void>((resolve) => (release = resolve));
    };
    navigator.locks.request(this._name, { signal: end.signal }, drain).catch(() => {}); // closed before its turn
    return () => {
      end.abort();
      release();
      channel.close();
      delete this._channel; // later changes are not announced
    };
  }

  /**
   * Make a change, and announce it to the other tabs before the commit: a tab that is killed at any time leaves no
   * change of which they have no message. They read the value when the transaction has ended.
   */
  private async _change(change: (store: IDBObjectStore) => IDBRequest, news?: object): Promise<void> {
    const store = await this._store("readwrite");
    const { transaction } = store;
    change(store).onsuccess = () => news && this._channel?.postMessage(news);
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
  }

  private async _store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
    this._opened ??= this._open();
    const database = await this._opened;
    return database.transaction(STORE, mode, { durability: "strict" }).objectStore(STORE);
  }

  private _open(): Promise<IDBDatabase> {
    const request = indexedDB.open(this._name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    return settled(request);
  }
}
