/** Two tabs of a browser, as frames of one page, on one storage. Run in Chromium by `test_tabs.py`. */

import { Chat, type Room } from "../../../clients/js/src/index.ts";
import { IndexedDbStorage } from "../../../clients/js/src/indexed_db.ts";

interface Tab extends Window {
  openRoom(): Promise<Room>;
  chat: Chat;
}

const { token, wsUrl, conversation } = Object.fromEntries(new URLSearchParams(location.search)) as Record<string, string>;
const PATIENCE = 60_000;

/** Wait until a condition holds for a room. */
async function until(room: Room, condition: () => boolean): Promise<void> {
  for await (const _ of room.values({ signal: AbortSignal.timeout(PATIENCE) })) if (condition()) return;
  throw new Error(`gave up: ${condition} ${room.messages.map((m) => `${m.content} ${m.status}`)}`);
}

async function newTab(): Promise<[HTMLIFrameElement, Room, Tab]> {
  const frame = document.body.appendChild(document.createElement("iframe"));
  frame.src = location.href + "&tab=1";
  await new Promise((resolve) => (frame.onload = resolve));
  const tab = frame.contentWindow as unknown as Tab;
  return [frame, await tab.openRoom(), tab];
}

const isSent = (room: Room): boolean => room.messages.every(({ status }) => status === "sent");
const texts = (room: Room): string => JSON.stringify(room.messages.map(({ content }) => content));

/** Let a tab be killed as soon as its next change of the storage is durable, before it learns of that. */
const killedWhenDurable = (frame: HTMLIFrameElement): Promise<void> =>
  new Promise((resolve) => {
    const killed = () => {
      frame.remove();
      resolve();
    };
    const { prototype } = (frame.contentWindow as unknown as typeof globalThis).IDBTransaction;
    Object.defineProperty(prototype, "oncomplete", {
      set(this: IDBTransaction) {
        this.addEventListener("complete", killed, { once: true });
      },
    });
  });

function require(condition: boolean, problem: string): void {
  if (!condition) throw new Error(problem);
}

async function scenario(): Promise<string> {
  const [drainer, first] = await newTab();
  const [other, second] = await newTab();
  await Promise.all(Array.from({ length: 5 }, (_, number) => second.send(`from the second tab ${number}`)));
  await until(first, () => first.messages.length === 5 && isSent(first));
  await until(second, () => isSent(second));
  require(texts(first) === texts(second), "the tabs differ");

  for (let number = 0; number < 60; number++) void first.send(`killed ${number}`);
  await until(second, () => second.messages.length === 65);
  drainer.remove();
  await until(second, () => isSent(second));
  require(second.messages.length === 65, "a message was lost or repeated");

  const [reloaded, third] = await newTab();
  void second.send("before the end");
  await until(third, () => third.messages.at(-1)?.content === "before the end");
  other.remove();
  await until(third, () => isSent(third));

  const [sender, fourth] = await newTab();
  const isStored = killedWhenDurable(sender);
  void fourth.send("stored before a kill");
  await isStored;
  await until(third, () => third.messages.at(-1)?.content === "stored before a kill" && isSent(third));

  const [leaving, closed, closing] = await newTab();
  void closed.send("last words");
  await closing.chat.close();
  void closed.send("too late for the other tabs");
  await closing.chat.close();
  leaving.remove();
  const storage = new IndexedDbStorage("http://tabs", "alice");
  const late = Object.values(await storage.load()).find(({ fields }) => fields?.content === "too late for the other tabs");
  require(late !== undefined, "a message after the end was lost");
  await storage.forget(late!.key, null);
  await until(third, () => third.messages.at(-1)?.content === "last words" && isSent(third));

  const [heir, fifth, tab] = await newTab();
  void third.send("too long".repeat(2_000));
  await until(fifth, () => fifth.messages.at(-1)?.status === "failed");
  const isDiscarded = killedWhenDurable(reloaded);
  third.discard(third.messages.at(-1)!.clientMessageId!);
  await isDiscarded;
  await until(fifth, () => isSent(fifth));
  await tab.chat.signOut();
  require(Object.keys(await storage.load()).length === 0, "the storage is not empty");
  const shown = fifth.messages.at(-1)!.sequenceId;
  heir.remove();
  return `ok ${shown}`;
}

if (location.search.includes("&tab=1")) {
  const storage = new IndexedDbStorage("http://tabs", "alice");
  const chat = new Chat({ httpUrl: "http://tabs", wsUrl: wsUrl!, token: () => token!, storage });
  Object.assign(window, { chat, openRoom: () => chat.open(conversation!) });
} else {
  const result = await scenario().catch((error) => String(error?.stack ?? error));
  await fetch("/result", { method: "POST", body: result });
}
