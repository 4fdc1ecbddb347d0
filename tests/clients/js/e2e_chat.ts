/** Two participants on a real chat over real sockets, which are cut by a proxy. Run by `test_chat.py`. */

import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline/promises";
import { test } from "node:test";

import type { Chat, Json, Room } from "../../../clients/js/src/index.ts";

const dist = process.env["CHAT_CLIENT"]!;
const client = (await import(dist + "/index.js")) as typeof import("../../../clients/js/src/index.ts");
const { ConversationList } = (await import(dist + "/conversations.js")) as typeof import("../../../clients/js/src/conversations.ts");
const tokens: Record<string, string> = JSON.parse(process.env["CHAT_TOKENS"]!);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const PATIENCE = 30_000;

/** Forwards connections to an address that can change, and cuts them. */
class Proxy {
  private readonly _sockets = new Set<Socket>();
  private readonly _server = createServer((accepted) => this._forward(accepted));
  private _target: URL;

  constructor(url: string) {
    this._target = new URL(url);
  }

  async url(): Promise<string> {
    if (!this._server.listening) await new Promise<void>((resolve) => this._server.listen(0, "127.0.0.1", resolve));
    const { port } = this._server.address() as { port: number };
    const url = new URL(this._target);
    url.port = String(port);
    return url.href;
  }

  retarget(url: string): void {
    this._target = new URL(url);
  }

  cut(): void {
    for (const socket of this._sockets) socket.destroy();
  }

  close(): void {
    this.cut();
    this._server.close();
  }

  private _forward(accepted: Socket): void {
    const forwarded = connect(Number(this._target.port), this._target.hostname);
    for (const [socket, other] of [[accepted, forwarded], [forwarded, accepted]] as const) {
      this._sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this._sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}

const http = new Proxy(process.env["CHAT_HTTP_URL"]!);
const ws = new Proxy(process.env["CHAT_WS_URL"]!);
const urls = { httpUrl: await http.url(), wsUrl: await ws.url() };
const errors: unknown[] = [];

function newChat(name: string, storage?: InstanceType<typeof client.MemoryStorage>): Chat {
  const chat = new client.Chat({ ...urls, token: async () => tokens[name]!, ...(storage ? { storage } : {}) });
  chat.on("error", (error) => errors.push(error));
  return chat;
}

const alice = newChat("alice");
const bob = newChat("bob");

/** Wait until a condition holds for an observed object. */
async function until<T extends AsyncIterable<unknown>>(observed: T, condition: () => boolean): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE);
  const values = (observed as unknown as Room).values({ signal });
  for await (const _ of values) if (condition()) return;
  throw new Error(`gave up: ${condition}; errors: ${errors}`);
}

const texts = (room: Room): (string | null)[] => room.messages.map(({ content }) => content);

async function newRooms(title: string): Promise<[Room, Room]> {
  const participants = [{ participant_id: "bob", name: "Bob" }];
  const { conversation_id } = await alice.request("POST", "/conversations", { title, participants });
  return [await alice.open(conversation_id), await bob.open(conversation_id)];
}

async function log(id: string): Promise<Json[]> {
  const events: Json[] = [];
  for (;;) {
    const after = events.length;
    const page = await alice.request("GET", `/conversations/${id}/events?limit=100&after=${after}`);
    events.push(...page.events);
    if (!page.has_more) return events;
  }
}

/** Check that both views are the messages of the log, and each text is there once and in order. */
async function requireLog(rooms: readonly Room[], expected: readonly string[]): Promise<void> {
  const messages = (await log(rooms[0]!.id)).filter(({ type }) => type === "message");
  assert.deepEqual(messages.map(({ content }) => content), expected);
  for (const room of rooms) {
    await until(room, () => room.messages.length === expected.length && room.messages.every((m) => m.status === "sent"));
    assert.deepEqual(room.messages.map(({ sequenceId }) => sequenceId), messages.map((m) => m.sequence_id));
    assert.deepEqual(texts(room), expected);
  }
}

test("messages that are sent without waiting are in both views in their order", async () => {
  const [room, other] = await newRooms("Order");
  const expected = Array.from({ length: 30 }, (_, number) => `message ${number}`);
  const sent = expected.map((text) => room.send(text));
  assert.ok(room.messages.every(({ status }) => status === "pending"));
  assert.equal(room.messages.length, 30);
  const places = await Promise.all(sent);
  assert.deepEqual(places.map(({ sequenceId }) => sequenceId), expected.map((_, index) => index + 2));
  await requireLog([room, other], expected);
});

test("cut sockets lose and repeat no message", async () => {
  const [room, other] = await newRooms("Cut");
  const expected: string[] = [];
  const sent: Promise<unknown>[] = [];
  for (let number = 0; number < 24; number++) {
    expected.push(`message ${number}`);
    sent.push(room.send(expected.at(-1)!));
    if (number % 8 === 3) ws.cut();
    await Promise.race([sent.at(-1), new Promise((resolve) => setTimeout(resolve, 20))]);
    if (number % 8 === 7) {
      ws.cut();
      for (const chat of [alice, bob]) chat.online();
    }
  }
  for (const chat of [alice, bob]) chat.online();
  await Promise.all(sent);
  await requireLog([room, other], expected);
});

test("edits and deletions and reactions and typing and read marks reach the other participant", async () => {
  const [room, other] = await newRooms("Updates");
  const first = await room.send("first");
  const second = await room.send("second");
  room.edit(first.sequenceId, "edited");
  room.delete(second.sequenceId);
  await until(other, () => other.messages.length === 2 && !!other.messages[1]!.isDeleted);
  other.react(first.sequenceId, "🎉");
  await until(room, () => room.messages[0]!.reactions.length === 1);
  assert.deepEqual(room.messages[0]!.reactions, [{ emoji: "🎉", participants: ["bob"] }]);
  assert.deepEqual(texts(other), ["edited", null]);
  other.typing();
  await until(room, () => room.typists.length === 1);
  other.typing(false);
  await until(room, () => room.typists.length === 0);
  assert.equal(other.unreadCount, 2);
  other.read();
  await until(other, () => other.unreadCount === 0);
  await until(room, () => room.participants.some((p) => p.participantId === "bob" && (p.readUpTo ?? 0) >= 3));
});

test("refused message rejects and holds the later ones until it is discarded", async () => {
  const [room, other] = await newRooms("Refusal");
  const refused = room.send("a".repeat(20_000));
  const later = room.send("later");
  await assert.rejects(refused, (error: any) => error.code === "VALIDATION_FAILED");
  assert.deepEqual(room.messages.map(({ status }) => status), ["failed", "pending"]);
  room.discard(room.messages[0]!.clientMessageId!);
  await later;
  await requireLog([room, other], ["later"]);
});

test("list is live with unread counts and new conversations", async () => {
  const [room, other] = await newRooms("Listed");
  const list = new ConversationList(bob);
  await until(list, () => list.rows.some(({ title }) => title === "Listed"));
  other.close();
  const row = () => list.rows.find(({ conversationId }) => conversationId === room.id);
  await room.send("hello");
  await until(list, () => row()?.unreadCount === 1 && row()?.lastMessage?.content === "hello");
  assert.equal(list.rows[0], row());
  const participants = [{ participant_id: "bob", name: "Bob" }];
  await alice.request("POST", "/conversations", { title: "Added", participants });
  await until(list, () => list.rows.some(({ title }) => title === "Added"));
});

test("long message goes by http and long history comes by older", async () => {
  const [room] = await newRooms("Long");
  for (let batch = 0; batch < 5; batch++) {
    await Promise.all(Array.from({ length: 24 }, (_, number) => room.send(`${batch}/${number}`)));
  }
  await room.send("é".repeat(9_000) + "🚆".repeat(900));
  room.close();
  const again = await alice.open(room.id);
  assert.ok(again.hasOlder && again.messages.length === 50);
  while (await again.older()) assert.equal(again.messages.at(-1)!.content!.length, 10_800);
  assert.equal(again.messages.length, 121);
  assert.equal(again.hasOlder, false);
});

test("unknown conversation is refused", async () => {
  await assert.rejects(alice.open("conv_AAAAAAAAAAAAAAAAAAAAAA"), (error: any) => error.code === "NOT_FOUND");
});

test("outbox outlives a process and messages sent during a restart of the server arrive once", async () => {
  const [room, other] = await newRooms("Restart");
  const storage = new client.MemoryStorage();
  const tab = newChat("alice", storage);
  const first = await tab.open(room.id);
  console.log("STOP");
  await lines.next();
  void first.send("before the reload");
  void first.send("edited before the reload");
  await tab.close();
  const reloaded = newChat("alice", storage);
  console.log("START");
  const started = JSON.parse((await lines.next()).value);
  http.retarget(started.http_url);
  ws.retarget(started.ws_url);
  for (const chat of [alice, bob, reloaded]) chat.online();
  const again = await reloaded.open(room.id);
  await again.send("after it");
  await requireLog([room, other, again], ["before the reload", "edited before the reload", "after it"]);
  await reloaded.signOut();
  assert.deepEqual(storage.load(), {});
});

test("closed chats leave nothing that keeps the process", async () => {
  await Promise.all([alice.close(), bob.close()]);
  assert.equal(alice.status, "stopped");
  http.close();
  ws.close();
  process.stdin.destroy();
});
