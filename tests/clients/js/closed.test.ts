/** Every public method of a client that is closed or signed out, or about to be: no change of the storage, no request, no timer. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { ConversationList } from "../../../clients/js/src/conversations.ts";
import { Chat, MemoryStorage, type Json } from "../../../clients/js/src/index.ts";
import { Room } from "../../../clients/js/src/room.ts";
import { WELCOME } from "./drive.ts";

const about = { conversation_id: "conv_a", history_id: "1.conversations" };
const event = { sequence_id: 1, type: "message", message_id: "m", content: "hi", created_at: "2027-01-15T08:00:00.000Z" };
const shown = { ...event, ...about, sender: { participant_id: "bob", name: "Bob" } };
const page = { ...about, head: 3, events: [{ ...shown, sequence_id: 3 }], has_more: false, participants: [], read_up_to: 0, unread_count: 1 };
const row = { conversation_id: "conv_a", title: "Trip", head: 1, message_count: 1, read_up_to: 0, unread_count: 1, last_message: shown };

/** A storage, a server and a client, which count what the client does. */
class World {
  readonly changes: string[] = [];
  requests = 0;
  sockets = 0;
  isSilent = false;
  readonly storage = new MemoryStorage();
  readonly chat: Chat;
  readonly list: ConversationList;
  readonly errors: unknown[] = [];
  room!: Room;

  constructor() {
    const world = this;
    const { storage } = this;
    for (const name of ["save", "forget"] as const) {
      const change = storage[name].bind(storage) as (key: string, value: Json) => void;
      const counted = (key: string, value: Json) => {
        world.changes.push(`${name} ${key}`);
        change(key, value);
      };
      Object.assign(storage, { [name]: counted });
    }
    class FakeSocket {
      readyState = 0;
      onopen = () => {};
      onmessage = (_: { data: string }) => {};
      onclose = () => {};

      constructor() {
        world.sockets++;
        queueMicrotask(() => {
          this.readyState = 1;
          this.onopen();
        });
      }

      send(text: string): void {
        const { id, type, subscribe = [] }: Json = JSON.parse(text);
        if (world.isSilent) return;
        const answers: Json[] = type === "hello" ? [WELCOME, ...subscribe.map(() => ({ type: "subscribed", ...page }))] : [];
        if (type === "subscribe") answers.push({ type: "subscribed", ...page });
        for (const answer of answers) queueMicrotask(() => this.onmessage({ data: JSON.stringify({ id, ...answer }) }));
      }

      close(): void {
        this.readyState = 3;
        queueMicrotask(() => this.onclose());
      }
    }
    const fetch = async () => {
      this.requests++;
      if (this.isSilent) await new Promise(() => {});
      return new Response(JSON.stringify({ conversations: [row], next_cursor: "next", total_unread: 1, history_id: "1.conversations" }));
    };
    const WebSocket = FakeSocket as unknown as typeof globalThis.WebSocket;
    this.chat = new Chat({ httpUrl: "http://x", wsUrl: "ws://x", token: () => "t", storage, WebSocket, fetch });
    this.chat.on("error", (error) => this.errors.push(error));
    this.list = new ConversationList(this.chat);
  }

  /** Open a room and the list. */
  async open(): Promise<this> {
    this.room = await this.chat.open("conv_a");
    await until(() => this.list.rows.length > 0);
    return this;
  }

  /** Return what the client has done, and does in the next minutes. */
  async done(): Promise<Json> {
    for (let count = 0; count < 20; count++) await turn();
    for (let second = 0; second < 120; second++) {
      mock.timers.tick(1_000);
      await turn();
    }
    const { changes, requests, sockets } = this;
    return { changes: changes.length, requests, sockets, stored: this.storage.load() };
  }
}

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

async function until(holds: () => boolean): Promise<void> {
  for (let count = 0; !holds(); count++) {
    assert.ok(count < 10_000, `not in time: ${holds}`);
    await turn();
  }
}

const ignore = () => {};
type Call = (world: World) => unknown;
/** Calls that wait for the server: their promises reject with the code `CLOSED`. */
const WAITING: Record<string, Call> = {
  "Chat.direct": ({ chat }) => chat.direct("bob"),
  "Chat.open": ({ chat }) => chat.open("conv_b"),
  "Chat.request": ({ chat }) => chat.request("GET", "/me"),
  "ConversationList.more": ({ list }) => list.more(),
  "ConversationList.update": ({ list }) => list.update("conv_a", { archived: true }),
  "Room.retry": ({ room }) => room.retry("unknown"),
  "Room.send": ({ room }) => room.send("text"),
};
/** Others have no effect, and end at once. */
const OTHERS: Record<string, Call> = {
  "Chat.close": ({ chat }) => chat.close(),
  "Chat.on": ({ chat }) => chat.on("change", ignore),
  "Chat.online": ({ chat }) => chat.online(),
  "Chat.signOut": ({ chat }) => chat.signOut(),
  "ConversationList.on": ({ list }) => list.on("change", ignore),
  "ConversationList.reload": ({ list }) => list.reload(),
  "Room.close": ({ room }) => room.close(),
  "Room.delete": ({ room }) => room.delete(1),
  "Room.discard": ({ room }) => room.discard("unknown"),
  "Room.edit": ({ room }) => room.edit(1, "new"),
  "Room.older": ({ room }) => room.older(),
  "Room.react": ({ room }) => room.react(1, "👍"),
  "Room.read": ({ room }) => room.read(),
  "Room.typing": ({ room }) => room.typing(),
  "Room.unreact": ({ room }) => room.unreact(1, "👍"),
};
/** Methods that the client itself calls. */
const INTERNAL = /^(constructor|_.*|closed|notify|settled|failed|input|end|changed)$/;
/** Of these, messages and updates are stored after `close`, for the next start. */
const STORED = /^Room\.(send|retry|edit|delete|react|unreact|discard)$/;
const ENDINGS = { close: (chat: Chat) => chat.close(), "sign-out": (chat: Chat) => chat.signOut() };

test("every public method has a row in the tables", () => {
  const names = [Chat, Room, ConversationList].flatMap((kind) =>
    Object.entries(Object.getOwnPropertyDescriptors(kind.prototype))
      .filter(([name, { value }]) => typeof value === "function" && !INTERNAL.test(name))
      .map(([name]) => `${kind.name}.${name}`),
  );
  assert.deepEqual(names.sort(), [...Object.keys(WAITING), ...Object.keys(OTHERS)].sort());
});

test("call after the end changes and requests nothing, and ends", async () => {
  for (const [ending, end] of Object.entries(ENDINGS)) {
    for (const [name, call] of Object.entries({ ...WAITING, ...OTHERS })) {
      const world = await new World().open();
      await end(world.chat);
      const before = await world.done();
      const isExpected = ({ code }: Json) => code === "CLOSED" || name === "Room.retry"; // of an unknown message
      if (name in WAITING) await assert.rejects(call(world) as Promise<unknown>, isExpected, `${name} after ${ending}`);
      else await call(world);
      const after = await world.done();
      const isStored = ending === "close" && STORED.test(name);
      if (isStored || name === "Chat.signOut") Object.assign(before, { changes: after.changes, stored: after.stored });
      assert.deepEqual(after, before, `${name} after ${ending}`);
      if (ending === "sign-out" || name === "Chat.signOut") assert.deepEqual(after.stored, {}, name);
      assert.deepEqual(world.errors, []);
    }
  }
});

test("call while the chat ends leaves nothing behind", async () => {
  for (const [ending, end] of Object.entries(ENDINGS)) {
    for (const [name, call] of Object.entries({ ...WAITING, ...OTHERS })) {
      const world = await new World().open();
      const ended = end(world.chat);
      const called = call(world);
      const isExpected = ({ code }: Json) => code === "CLOSED" || name === "Room.retry"; // of an unknown message
      if (name in WAITING) await assert.rejects(called as Promise<unknown>, isExpected, `${name} at ${ending}`);
      else await called;
      await ended;
      const before = await world.done();
      if (ending === "sign-out") assert.deepEqual(before.stored, {}, name);
      assert.deepEqual(await world.done(), before, `${name} at ${ending}`);
    }
  }
});

test("list that is made or used after the end of its chat loads nothing", async () => {
  for (const end of Object.values(ENDINGS)) {
    const world = await new World().open();
    world.isSilent = true;
    const loading = assert.rejects(world.list.more(), { code: "CLOSED" });
    await end(world.chat);
    const list = new ConversationList(world.chat);
    const before = await world.done();
    for (const used of [list, world.list]) {
      for (let count = 0; count < 3; count++) {
        void used.rows;
        await assert.rejects(used.more(), { code: "CLOSED" });
        await used.reload();
      }
    }
    assert.deepEqual(await world.done(), before);
    await loading;
  }
});

test("state of what is closed can be read", async () => {
  const world = await new World().open();
  const closedRoom = world.room;
  closedRoom.close();
  const room = await world.chat.open("conv_a");
  await world.chat.close();
  for (const read of [closedRoom, room, await world.chat.open("conv_b", { immediately: true })]) {
    for (const [name, { get }] of Object.entries(Object.getOwnPropertyDescriptors(Room.prototype))) {
      assert.doesNotThrow(() => get?.call(read), name);
    }
    assert.equal(await read.older(), false);
    read.read();
    read.typing();
  }
  assert.equal(world.chat.status, "stopped");
});
