/** Storage in a browser, shared by its tabs. */

import type { Json } from "./core/outputs.ts";
import type { Sent, SharedStorageEvents, Storage } from "./storage.ts";

const STORE = "values";
/** The key of the value that `clear` replaces: clients that began before it store nothing more. */
const SESSION = "session";
/** After how many milliseconds a read that failed is repeated. */
const RETRY = 1_000;

const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Read until it succeeds, or until the signal; then there is no result. */
async function again<T>(read: () => Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  while (!signal.aborted) {
    try {
      return await read();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
  }
  return;
}

/** News for the other tabs: a value was saved, or deleted. */
interface News {
  key: string;
  sent: Sent | null;
  isSaved?: true;
}

/**
 * Storage in IndexedDB, shared by all tabs of an origin: one of them sends the outbox, by a Web Lock, and another one
 * takes over when it is closed. Without Web Locks or BroadcastChannel, give each tab its own storage.
 */
export class IndexedDbStorage implements Storage {
  private readonly _name: string;
  private _database: IDBDatabase | undefined;
  private _session: number | undefined;
  private _channel?: BroadcastChannel;
  private _end = () => {};

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
    const { [SESSION]: session = 0, ...stored } = Object.fromEntries(keys.map((key, index) => [key, values[index]]));
    this._session ??= session;
    return stored;
  }

  save(key: string, value: Json): Promise<void> {
    return this._change((store) => store.put(value, key), { key, sent: null, isSaved: true });
  }

  forget(key: string, sent: Sent | null): Promise<void> {
    return this._change((store) => store.delete(key), { key, sent });
  }

  /** Delete everything; changes that other tabs have not saved yet are refused from now on. */
  async clear(): Promise<void> {
    const session = Math.random();
    await this._change((store) => {
      store.clear();
      return store.put(session, SESSION);
    });
    this._session = session;
  }

  share(events: SharedStorageEvents): () => void {
    const channel = (this._channel = new BroadcastChannel(this._name));
    const end = new AbortController();
    const { signal } = end;
    let news: Promise<void> = Promise.resolve();
    channel.onmessage = ({ data: { key, sent, isSaved } }: MessageEvent<News>) => {
      const read = async () => settled((await this._store("readonly")).get(key));
      const apply = async () => {
        const value = await again(read, signal);
        if (!value && isSaved) return; // it was deleted meanwhile, and the next message shows whether it was sent
        if (!signal.aborted) events.changed(key, value ?? null, sent);
      };
      news = news.then(apply, apply); // in the order of the messages
    };
    const drain = async () => {
      const stored = await again(() => this.load(), signal);
      if (signal.aborted) return;
      events.drains(stored!);
      await new Promise((resolve) => (signal.onabort = resolve));
    };
    navigator.locks.request(this._name, { signal }, drain).catch(() => {}); // closed before its turn
    return (this._end = () => {
      end.abort();
      channel.close();
      delete this._channel; // later changes are not announced
    });
  }

  /**
   * Make a change, and announce it to the other tabs before the commit: a tab that is killed at any time leaves no
   * change of which they have no message. They read the value when the transaction has ended.
   */
  private async _change(change: (store: IDBObjectStore) => IDBRequest, news?: News): Promise<void> {
    const store = await this._store("readwrite");
    const { transaction } = store;
    const make = () => void (change(store).onsuccess = () => news && this._channel?.postMessage(news));
    store.get(SESSION).onsuccess = ({ target }) => {
      const present = (target as IDBRequest).result ?? 0;
      if (!news?.isSaved || present === (this._session ??= present)) return make();
      transaction.abort();
      this._end(); // the tabs of the next session send their messages themselves
    };
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error("the participant has signed out"));
    });
  }

  private async _store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
    const database = this._database ?? (await this._open());
    this._database = undefined; // the browser can have closed it: then the next attempt opens it again
    const store = database.transaction(STORE, mode, { durability: "strict" }).objectStore(STORE);
    this._database = database;
    return store;
  }

  private _open(): Promise<IDBDatabase> {
    const request = indexedDB.open(this._name, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    return settled(request);
  }
}
