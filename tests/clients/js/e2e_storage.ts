/** Faults of IndexedDB that a browser reports in its own way. Run in Chromium by `test_tabs.py`. */

import { IndexedDbStorage } from "../../../clients/js/src/indexed_db.ts";
import type { SharedStorageEvents } from "../../../clients/js/src/storage.ts";

const NAME = "http://faults";
const newStorage = (): IndexedDbStorage => new IndexedDbStorage(NAME, "alice");
const isDone = (promise: Promise<unknown>): Promise<boolean> => promise.then(() => true, () => false);
const { setTimeout: wait } = globalThis;

function require(condition: boolean, problem: string): void {
  if (!condition) throw new Error(problem);
}

/** Share a storage; return the keys of the changes so far, and a promise that it sends the outbox. */
function share(storage: IndexedDbStorage): [string[], Promise<void>, () => void] {
  const keys: string[] = [];
  let end = () => {};
  const drains = new Promise<void>((resolve) => {
    const events: SharedStorageEvents = { changed: (key) => void keys.push(key), drains: () => resolve() };
    end = storage.share(events);
  });
  return [keys, drains, end];
}

/** Let a storage lose its connection to the database, as browsers end it when they need memory or a disk fails. */
function disconnect(storage: IndexedDbStorage): void {
  (storage as unknown as { _database: IDBDatabase })._database.close();
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !condition(); await new Promise((resolve) => wait(resolve))) {
    require(Date.now() < end, `gave up: ${condition}`);
  }
}

/** A database that cannot be opened, or that the browser closes, is opened again. */
async function databaseIsOpenedAgain(): Promise<void> {
  const { open } = IDBFactory.prototype;
  const other = open.call(indexedDB, "newer", 2);
  await new Promise((resolve) => (other.onsuccess = resolve));
  other.result.close();
  const storage = newStorage();
  IDBFactory.prototype.open = () => open.call(indexedDB, "newer", 1);
  require(!(await isDone(storage.load())), "the database was opened");
  IDBFactory.prototype.open = open;
  await storage.load();
  disconnect(storage);
  await isDone(storage.save("first", {}));
  await storage.save("second", {});
  await storage.clear();
}

/** A tab whose connection to the database is lost learns of changes and sends the outbox later, not never. */
async function tabReadsAgain(): Promise<void> {
  globalThis.setTimeout = ((call: () => void) => wait(call)) as typeof setTimeout;
  const [writer, reader] = [newStorage(), newStorage()];
  await Promise.all([writer.load(), reader.load()]);
  const [, , endWriter] = share(writer);
  disconnect(reader);
  const [keys, drains, end] = share(reader);
  await writer.save("first", {});
  await until(() => keys.length === 1);
  disconnect(reader);
  endWriter();
  await drains;
  end();
  globalThis.setTimeout = wait;
}

/** A tab that ends reads no more, also if its reads have failed. */
async function endedTabReadsNoMore(): Promise<void> {
  const { open } = IDBFactory.prototype;
  globalThis.setTimeout = ((call: () => void) => wait(call)) as typeof setTimeout;
  const [writer, reader] = [newStorage(), newStorage()];
  await Promise.all([writer.load(), reader.load()]);
  const [, drains, endWriter] = share(writer);
  await drains;
  const [, , end] = share(reader);
  disconnect(reader);
  let attempts = 0;
  IDBFactory.prototype.open = () => {
    attempts++;
    return open.call(indexedDB, "newer", 1);
  };
  await writer.save("first", {});
  await until(() => attempts > 2);
  end();
  const atTheEnd = attempts;
  for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => wait(resolve));
  require(attempts <= atTheEnd + 1, `it has read ${attempts - atTheEnd} times after its end`);
  IDBFactory.prototype.open = open;
  globalThis.setTimeout = wait;
  endWriter();
}

/** Changes are applied in the order of their news, however long it takes to read each value. */
async function newsStayInOrder(): Promise<void> {
  const [writer, reader] = [newStorage(), newStorage()];
  await Promise.all([writer.load(), reader.load()]);
  const [, , endWriter] = share(writer);
  const [keys, , end] = share(reader);
  const { get } = IDBObjectStore.prototype;
  IDBObjectStore.prototype.get = function (key) {
    const request = get.call(this, key);
    if (key !== "first") return request;
    const late = { result: null, onsuccess: () => {} };
    request.onsuccess = () => {
      late.result = request.result;
      wait(() => late.onsuccess(), 50);
    };
    return late as unknown as IDBRequest;
  };
  await writer.save("first", {});
  await writer.save("second", {});
  await until(() => keys.length === 2);
  IDBObjectStore.prototype.get = get;
  require(keys.join() === "first,second", `the news came as ${keys}`);
  end();
  endWriter();
}

/** A change that a tab makes while another one signs out is not in the storage afterwards, and a next session has its own. */
async function signOutEndsTheOtherTabs(): Promise<void> {
  const [leaving, other] = [newStorage(), newStorage()];
  await Promise.all([leaving.load(), other.load()]);
  const [, drains] = share(other);
  await drains;
  const cleared = leaving.clear();
  const isSaved = isDone(other.save("outbox/1", {}));
  await cleared;
  require(!(await isSaved), "a message was saved after the sign-out");
  const next = newStorage();
  require(Object.keys(await next.load()).length === 0, "the storage is not empty after a sign-out");
  const [, nextDrains, end] = share(next);
  await nextDrains;
  await next.save("outbox/2", {});
  await leaving.save("outbox/3", {});
  require(Object.keys(await next.load()).join() === "outbox/2,outbox/3", "the next session stores nothing");
  end();
}

const problems: string[] = [];
for (const part of [databaseIsOpenedAgain, tabReadsAgain, endedTabReadsNoMore, newsStayInOrder, signOutEndsTheOtherTabs]) {
  await part().catch((error) => problems.push(`${part.name}: ${error}`));
}
await fetch("/result", { method: "POST", body: problems.join("\n") || "ok" });
