/** The I/O around the core: storage, sockets and handlers that fail. */

import assert from "node:assert/strict";
import { after, mock, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { ConversationList } from "../../../clients/js/src/conversations.ts";
import { Chat, MemoryStorage, type Json, type SharedStorageEvents, type Storage } from "../../../clients/js/src/index.ts";
import { error, WELCOME } from "./drive.ts";

/** A WebSocket whose server is a function. */
class FakeSocket {
  static sockets: FakeSocket[] = [];
  static answer: (frame: Json) => Json[] = () => [];
  readyState = 0;
  readonly sent: Json[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    FakeSocket.sockets.push(this);
    queueMicrotask(() => {
      this.readyState = 1;
      this.onopen?.();
    });
  }

  send(text: string): void {
    const frame: Json = JSON.parse(text);
    this.sent.push(frame);
    for (const answer of FakeSocket.answer(frame)) {
      queueMicrotask(() => this.onmessage?.({ data: JSON.stringify({ id: frame.id, ...answer }) }));
    }
  }

  close(): void {
    this.readyState = 3;
    queueMicrotask(() => this.onclose?.());
  }
}

const chats: Chat[] = [];
after(() => Promise.all(chats.map((chat) => chat.close()))); // a failed test must not keep the process

const about = { conversation_id: "conv_a", history_id: "1.conversations" };
const empty = { ...about, head: 0, events: [], has_more: false, participants: [], read_up_to: 0, unread_count: 0 };

function answer(frame: Json): Json[] {
  if (frame.type === "hello") return [WELCOME, ...(frame.subscribe ?? []).map(() => ({ type: "subscribed", ...empty }))];
  if (frame.type === "subscribe") return [{ type: "subscribed", ...empty }];
  if (frame.type === "message") return [{ type: "message_ack", ...about, sequence_id: 1 }];
  return [];
}

function newChat(storage: Storage = new MemoryStorage(), server = answer): [Chat, unknown[]] {
  FakeSocket.sockets = [];
  FakeSocket.answer = server;
  const WebSocket = FakeSocket as unknown as typeof globalThis.WebSocket;
  const chat = new Chat({ httpUrl: "http://x", wsUrl: "ws://x", token: () => "t", storage, WebSocket });
  chats.push(chat);
  const errors: unknown[] = [];
  chat.on("error", (problem) => errors.push(problem));
  return [chat, errors];
}

/** Let the event loop turn until a condition holds. */
async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + 20_000;
  while (!holds()) {
    assert.ok(Date.now() < end, `not within 20 seconds: ${holds}`);
    await turn();
  }
}

const messages = (): Json[] => FakeSocket.sockets.flatMap(({ sent }) => sent.filter(({ type }) => type === "message"));

test("handshake carries the token as a subprotocol", async () => {
  const [chat] = newChat();
  await chat.open("conv_a");
  assert.deepEqual(FakeSocket.sockets[0]!.protocols, ["chat.v1", "bearer.t"]);
  assert.equal(chat.me!.participantId, "alice");
  await chat.close();
});

test("ticket opens a connection and requests have no token", async () => {
  FakeSocket.sockets = [];
  FakeSocket.answer = answer;
  const sent: RequestInit[] = [];
  const fetch = async (_: RequestInfo | URL, init?: RequestInit) => {
    sent.push(init!);
    return new Response("{}");
  };
  const WebSocket = FakeSocket as unknown as typeof globalThis.WebSocket;
  let tickets = 0;
  const token = () => ({ ticket: `tick&et ${++tickets}` });
  const chat = new Chat({ httpUrl: "http://x", wsUrl: "ws://x/stage", token, WebSocket, fetch });
  chats.push(chat);
  await chat.open("conv_a");
  const { url, protocols } = FakeSocket.sockets[0]!;
  assert.deepEqual([url, protocols], ["ws://x/stage?ticket=tick%26et%201", ["chat.v1"]]);
  for (let count = 0; count < 3; count++) await chat.request("GET", "/me");
  assert.deepEqual(sent[0]!.headers, {});
  assert.equal(tickets, 2, "each request must not use up a ticket");
  await chat.close();
});

test("room opens at once without a connection and shows the stored outbox", async () => {
  const storage = new MemoryStorage();
  const [chat] = newChat(storage, () => []);
  const room = await chat.open("conv_a", { immediately: true });
  let changes = 0;
  room.on("change", () => void changes++);
  void room.send("hi");
  await until(() => changes > 0);
  assert.equal(room.isLoaded, false);
  await chat.close();
  const [other] = newChat(storage, () => []);
  const again = await other.open("conv_a", { immediately: true });
  assert.deepEqual(again.messages.map(({ content, status }) => [content, status]), [["hi", "pending"]]);
  FakeSocket.answer = answer;
  other.online();
  await again.loaded;
  await until(() => messages().length > 0);
  assert.deepEqual(messages().map(({ content }) => content), ["hi"]);
});

test("room that resumes begins after the events that were shown before a reload", async () => {
  const log = [1, 2, 3, 4].map((sequence_id) => ({ sequence_id, type: "message", content: `text ${sequence_id}`, sender: {} }));
  let head = 2;
  const server = (frame: Json): Json[] => {
    const page = ({ after = 0 }: Json) => ({ type: "subscribed", ...empty, head, events: log.slice(after, head) });
    return frame.type === "hello" ? [WELCOME, ...frame.subscribe.map(page)] : [page(frame)];
  };
  const storage = new MemoryStorage();
  const shown: string[][] = [];
  for (const newest of [2, 4]) {
    head = newest;
    const [chat] = newChat(storage, server);
    const room = await chat.open("conv_a", { resume: true });
    await until(() => room.messages.length === 2);
    shown.push(room.messages.map(({ content }) => content!));
    assert.equal(room.hasOlder, newest > 2);
    await chat.close();
  }
  assert.deepEqual(shown, [["text 1", "text 2"], ["text 3", "text 4"]]);
});

test("full storage delays frames of the outbox only", async () => {
  const storage = new MemoryStorage();
  let isFull = true;
  const save = storage.save.bind(storage);
  storage.save = (key, value) => {
    if (isFull && key.startsWith("outbox/")) throw new Error("the storage is full");
    save(key, value);
  };
  const [chat, errors] = newChat(storage);
  const room = await chat.open("conv_a");
  const sent = room.send("hi");
  await until(() => errors.length > 0);
  await turn();
  assert.deepEqual(messages(), []);
  assert.deepEqual(room.messages.map(({ status }) => status), ["pending"]);
  isFull = false;
  chat.online();
  assert.equal((await sent).sequenceId, 1);
  await chat.close();
});

test("message that a restart would send again is not resolved", async () => {
  const storage = new MemoryStorage();
  let isFull = true;
  const forget = storage.forget.bind(storage);
  storage.forget = (key) => {
    if (isFull) throw new Error("the storage is full");
    forget(key);
  };
  const [chat, errors] = newChat(storage);
  const room = await chat.open("conv_a");
  let isResolved = false;
  const sent = room.send("hi").finally(() => (isResolved = true));
  await until(() => errors.length > 0);
  await turn();
  assert.equal(isResolved, false);
  isFull = false;
  chat.online();
  assert.equal((await sent).sequenceId, 1);
  await chat.close();
});

test("handler that fails stops no other and no output", async () => {
  const [chat] = newChat();
  const room = await chat.open("conv_a");
  const uncaught: unknown[] = [];
  const note = (problem: unknown) => void uncaught.push(problem);
  process.once("uncaughtException", note);
  let calls = 0;
  room.on("change", () => {
    throw new Error("a defect of the page");
  });
  room.on("change", () => void calls++);
  await room.send("hi");
  assert.ok(calls > 0 && uncaught.length > 0);
  process.off("uncaughtException", note);
  room.close();
  await chat.close().catch(() => {});
});

test("handlers may end themselves and open and close rooms", async () => {
  const [chat] = newChat();
  const room = await chat.open("conv_a");
  const seen: string[] = [];
  const stop = room.on("change", () => {
    seen.push("once");
    stop();
    room.close();
    void chat.open("conv_a");
  });
  void room.send("hi");
  await until(() => seen.length > 0);
  const again = await chat.open("conv_a");
  assert.notEqual(again, room);
  await again.send("its change is not for the handler");
  assert.deepEqual(seen, ["once"]);
  await chat.close();
});

test("abort signals end handlers and iterations and waiting", async () => {
  const [chat] = newChat(undefined, (frame) => (frame.type === "hello" ? [WELCOME] : []));
  const abort = new AbortController();
  const opening = chat.open("conv_a", { signal: abort.signal });
  const values: Chat[] = [];
  const iteration = (async () => {
    for await (const value of chat.values({ signal: abort.signal })) values.push(value);
  })();
  let calls = 0;
  chat.on("change", () => void calls++, { signal: abort.signal });
  await until(() => chat.status === "open" && calls > 0 && values.length > 0);
  abort.abort(new Error("not wanted any more"));
  await assert.rejects(opening, /not wanted/);
  await iteration;
  const before = calls;
  await chat.close();
  assert.equal(calls, before);
});

test("failed token callback is reported and called again", async () => {
  FakeSocket.sockets = [];
  FakeSocket.answer = answer;
  let calls = 0;
  const token = (): string => {
    if (++calls === 1) throw new Error("no session");
    return "t";
  };
  const WebSocket = FakeSocket as unknown as typeof globalThis.WebSocket;
  const chat = new Chat({ httpUrl: "http://x", wsUrl: "ws://x", token, WebSocket });
  chats.push(chat);
  const problem = await new Promise((resolve) => chat.on("error", resolve));
  assert.match(String(problem), /no session/);
  assert.equal(FakeSocket.sockets.length, 0);
  chat.online();
  await chat.open("conv_a");
  assert.equal(calls, 2);
  await chat.close();
});

test("end of the connection by the server is reported with its reason", async () => {
  const end = { type: "disconnect", code: "ERASED", reason: "the participant was erased", reconnect: false };
  const [chat, errors] = newChat(undefined, (frame) => (frame.type === "hello" ? [...answer(frame), end] : []));
  await until(() => chat.status === "stopped" && errors.length > 0);
  assert.deepEqual(errors.map((problem: any) => problem.code), ["ERASED"]);
});

test("refused update is reported", async () => {
  const refuse = (frame: Json) => (frame.type === "edit" ? [error(frame, "FORBIDDEN", { retryable: false })] : answer(frame));
  const [chat] = newChat(undefined, refuse);
  const room = await chat.open("conv_a");
  const reported = new Promise<any>((resolve) => chat.on("error", resolve));
  room.edit(1, "not mine");
  assert.equal((await reported).code, "FORBIDDEN");
  await chat.close();
});

test("closed room or chat ends what is awaited", async () => {
  const [chat] = newChat(undefined, (frame) => (frame.type === "message" ? [] : answer(frame)));
  const room = await chat.open("conv_a");
  const sent = room.send("to a closed room");
  room.close();
  await assert.rejects(sent, { code: "CLOSED" });
  const pending = (await chat.open("conv_a")).send("to a closed chat");
  await chat.close();
  await assert.rejects(pending, { code: "CLOSED" });
});

test("refused send rejects and is shown as failed", async () => {
  const refuse = (frame: Json) => (frame.type === "message" ? [error(frame, "MUTED", { retryable: false })] : answer(frame));
  const [chat] = newChat(undefined, refuse);
  const room = await chat.open("conv_a");
  await assert.rejects(room.send("hi"), { name: "ChatError", code: "MUTED" });
  assert.deepEqual(room.messages.map(({ status, error: reason }) => [status, reason!.code]), [["failed", "MUTED"]]);
  FakeSocket.answer = answer;
  assert.equal((await room.retry(room.messages[0]!.clientMessageId!)).sequenceId, 1);
  await assert.rejects(room.send("\ud800"), TypeError);
  await chat.signOut();
});

test("invitations reach their handlers and leave the list as it is", async () => {
  const invited = { type: "invited", conversation_id: "conv_b", title: "Trip", added_by: "bob" };
  const server = (frame: Json): Json[] => (frame.type === "hello" ? [...answer(frame), invited] : answer(frame));
  const [chat] = newChat(new MemoryStorage(), server);
  const list = new ConversationList(chat);
  const invitation = await new Promise<Json>((resolve) => chat.on("invited", resolve));
  assert.equal(invitation.conversation_id, "conv_b");
  assert.deepEqual(list.rows, []);
  await chat.close();
});

test("direct conversation is opened by the id of the other participant", async () => {
  const requests: string[] = [];
  const fetch = async (url: RequestInfo | URL, init?: RequestInit) => {
    requests.push(`${init?.method} ${url} ${init?.body ?? ""}`);
    return new Response(JSON.stringify({ conversation_id: "conv_a", conversations: [] }));
  };
  FakeSocket.answer = answer;
  const WebSocket = FakeSocket as unknown as typeof globalThis.WebSocket;
  const chat = new Chat({ httpUrl: "http://x", wsUrl: "ws://x", token: () => "t", WebSocket, fetch });
  chats.push(chat);
  const room = await chat.direct("bob@example.com", "Bob");
  assert.equal(room.id, "conv_a");
  assert.ok(requests.includes('PUT http://x/direct?participant_id=bob%40example.com {"name":"Bob"}'));
  await chat.close();
});

test("message to a participant who has not accepted fails until it is retried", async () => {
  let accepted = false;
  const refuse = (frame: Json) =>
    frame.type === "message" && !accepted ? [error(frame, "NOT_ACCEPTED", { retryable: false })] : answer(frame);
  const [chat] = newChat(undefined, refuse);
  const room = await chat.open("conv_a");
  await assert.rejects(room.send("a second message"), { code: "NOT_ACCEPTED" });
  assert.deepEqual(room.messages.map(({ status }) => status), ["failed"]);
  accepted = true;
  assert.equal((await room.retry(room.messages[0]!.clientMessageId!)).sequenceId, 1);
  await chat.close();
});

test("failed token callback is reported at each renewal", async () => {
  let isFailing = false;
  const expired = (frame: Json) => (frame.type === "edit" ? [error(frame, "TOKEN_EXPIRED", { retryable: true })] : answer(frame));
  FakeSocket.sockets = [];
  FakeSocket.answer = expired;
  const token = (): string => {
    if (isFailing) throw new Error("no session");
    return "t";
  };
  const WebSocket = FakeSocket as unknown as typeof globalThis.WebSocket;
  const chat = new Chat({ httpUrl: "http://x", wsUrl: "ws://x", token, WebSocket });
  chats.push(chat);
  const errors: unknown[] = [];
  chat.on("error", (problem) => errors.push(problem));
  const room = await chat.open("conv_a");
  isFailing = true;
  room.edit(1, "with an expired token");
  await until(() => errors.length > 0);
  assert.match(String(errors[0]), /no session/);
  await chat.close();
});

test("room shows the events of the log behind its messages", async () => {
  const joined = { sequence_id: 1, type: "participant_joined", participant: { participant_id: "carol" }, sender: {} };
  const page = { type: "subscribed", ...empty, head: 1, first_sequence_id: 1, events: [joined] };
  const server = (frame: Json): Json[] => (frame.type === "hello" ? [WELCOME, ...(frame.subscribe ?? []).map(() => page)] : []);
  const [chat] = newChat(new MemoryStorage(), server);
  const room = await chat.open("conv_a");
  assert.deepEqual(room.messages, []);
  assert.deepEqual(room.events, [joined]);
  await chat.close();
});

test("order that fails does not stop others", async () => {
  const storage = new MemoryStorage();
  const save = storage.save.bind(storage);
  storage.save = (key, value) => {
    if (key === "history") throw new Error("no space left");
    save(key, value);
  };
  const [chat] = newChat(storage);
  const room = await chat.open("conv_a");
  await until(() => "participant" in storage.load());
  assert.ok(!storage.load().history);
  room.close();
});

test("message is not saved before an earlier one that the storage has refused", async () => {
  const storage = new MemoryStorage();
  const save = storage.save.bind(storage);
  const contents: string[] = [];
  let isFull = true;
  storage.save = (key, value) => {
    if (isFull) throw new Error("no space left");
    if (key.startsWith("outbox/")) contents.push(value.fields.content);
    save(key, value);
  };
  const [chat] = newChat(storage, () => []);
  const room = await chat.open("conv_a", { immediately: true });
  room.send("first").catch(() => {});
  await until(() => room.messages.length === 1);
  isFull = false;
  room.send("second").catch(() => {});
  chat.online();
  await until(() => contents.length > 0);
  await chat.close();
  assert.deepEqual(contents, ["first", "second"]);
});

test("message is not saved before a longer one that the storage has refused, but deletions make room", async () => {
  const storage = new MemoryStorage();
  const save = storage.save.bind(storage);
  let longest = 10;
  const contents: string[] = [];
  storage.save = (key, value) => {
    const content: string | undefined = value.fields?.content;
    if (content && content.length > longest) throw new Error("no space left");
    if (content) contents.push(content);
    save(key, value);
  };
  const texts = ["short", "longer than the room", "again"];
  const [chat, errors] = newChat(storage, () => []);
  const room = await chat.open("conv_a", { immediately: true });
  for (const content of texts) room.send(content).catch(() => {});
  await until(() => errors.length > 0);
  room.delete(room.messages[0]!.clientMessageId!);
  chat.online();
  await until(() => !Object.keys(storage.load()).length);
  assert.deepEqual(contents, ["short"]);
  longest = 100;
  chat.online();
  await chat.close();
  assert.deepEqual(contents, texts);
});

test("many sends on a full storage cost one attempt until it is tried again", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] }); // it is tried again after a second, too
  const storage = new MemoryStorage();
  let attempts = 0;
  storage.save = (key) => {
    if (!key.startsWith("outbox/")) return;
    attempts++;
    throw new Error("no space left");
  };
  const [chat, errors] = newChat(storage, () => []);
  const room = await chat.open("conv_a", { immediately: true });
  for (let number = 0; number < 200; number++) room.send(`text ${number}`).catch(() => {});
  await turn();
  assert.deepEqual([attempts, errors.length], [1, 1]);
  chat.online();
  await turn();
  assert.deepEqual([attempts, errors.length], [2, 2]);
  await chat.close();
});

test("refused change is tried again without another input", async () => {
  const storage = new MemoryStorage();
  const save = storage.save.bind(storage);
  let refusals = 0;
  storage.save = async (key, value) => {
    await turn();
    if (key.startsWith("outbox/") && !refusals++) throw new Error("no space left");
    save(key, value);
  };
  const [chat] = newChat(storage, () => []);
  const room = await chat.open("conv_a", { immediately: true });
  room.send("hi").catch(() => {});
  await until(() => Object.keys(storage.load()).some((key) => key.startsWith("outbox/")));
  await chat.close();
});

test("change that the storage refuses late replaces no later one", async () => {
  const storage = new MemoryStorage();
  const save = storage.save.bind(storage);
  let refuse = (_: Error) => {};
  storage.save = () => new Promise((_, reject) => (refuse = reject));
  const [chat] = newChat(storage, () => []);
  const room = await chat.open("conv_a", { immediately: true });
  room.send("hi").catch(() => {});
  await until(() => room.messages.length === 1);
  room.delete(room.messages[0]!.clientMessageId!);
  refuse(new Error("no space left"));
  await turn();
  storage.save = save;
  chat.online();
  await chat.close(); // all changes of the storage are made
  assert.deepEqual(storage.load(), {});
});

test("change that is durable late makes no later one void", async () => {
  const storage = new MemoryStorage();
  const save = storage.save.bind(storage);
  let endure = () => {};
  storage.save = async (key, value) => {
    await new Promise<void>((resolve) => (endure = resolve));
    save(key, value);
  };
  const [chat] = newChat(storage, () => []);
  const room = await chat.open("conv_a", { immediately: true });
  room.send("hi").catch(() => {});
  await until(() => room.messages.length === 1);
  room.delete(room.messages[0]!.clientMessageId!);
  endure();
  await chat.close();
  assert.deepEqual(storage.load(), {});
});

test("client shares its storage until the last change is durable", async () => {
  const order: string[] = [];
  class SharedStorage extends MemoryStorage {
    share = () => () => void order.push("end");

    override async save(key: string, value: Json): Promise<void> {
      await turn();
      super.save(key, value);
      order.push("saved");
    }
  }
  const [chat] = newChat(new SharedStorage(), () => []);
  const room = await chat.open("conv_a", { immediately: true });
  room.send("last words").catch(() => {});
  await chat.close();
  assert.deepEqual(order, ["saved", "end"]);
});

test("room that is open already keeps its place once it is opened to resume", async () => {
  const log = [1, 2].map((sequence_id) => ({ sequence_id, type: "message", content: "text", sender: {} }));
  const page = { type: "subscribed", ...empty, head: 2, events: log };
  const storage = new MemoryStorage();
  const [chat] = newChat(storage, (frame) => (frame.type === "hello" ? [WELCOME, ...frame.subscribe.map(() => page)] : [page]));
  const room = await chat.open("conv_a");
  assert.ok(!storage.load()["position/conv_a"]);
  assert.equal(await chat.open("conv_a", { resume: true }), room);
  await chat.close();
  assert.equal(storage.load()["position/conv_a"]!.sequenceId, 2);
});

test("change that the storage has refused brings no value back that another client deleted", async () => {
  class SharedStorage extends MemoryStorage {
    isFull = false;
    events!: SharedStorageEvents;
    share = (events: SharedStorageEvents) => {
      this.events = events;
      return () => {};
    };

    override save(key: string, value: Json): void {
      if (this.isFull) throw new Error("no space left");
      super.save(key, value);
    }
  }
  const storage = new SharedStorage();
  const [chat] = newChat(storage, () => []);
  const room = await chat.open("conv_a", { immediately: true });
  room.send("hi").catch(() => {});
  const [key] = Object.keys(storage.load());
  storage.isFull = true;
  storage.events.changed(key!, { ...storage.load()[key!], error: { code: "MUTED" } }, null);
  room.retry(room.messages[0]!.clientMessageId!).catch(() => {}); // its change is refused
  await turn();
  storage.forget(key!);
  storage.events.changed(key!, null, null);
  storage.isFull = false;
  chat.online();
  await chat.close();
  assert.deepEqual(storage.load(), {});
  assert.deepEqual(room.messages, []);
});

test("personal state of a conversation is shown, and moves a pinned one to the top", async () => {
  const row = (id: string) => ({ conversation_id: id, title: id, head: 0, unread_count: 0, created_at: "" });
  const state = { archived: false, pinned: true, notifications_muted: true };
  const requests: string[] = [];
  const fetch = async (url: RequestInfo | URL, init?: RequestInit) => {
    requests.push(`${init?.method} ${url} ${init?.body ?? ""}`);
    const body = init?.method === "PATCH" ? state : { conversations: [row("conv_a"), row("conv_b")] };
    return new Response(JSON.stringify(body));
  };
  FakeSocket.answer = answer;
  const WebSocket = FakeSocket as unknown as typeof globalThis.WebSocket;
  const chat = new Chat({ httpUrl: "http://x", wsUrl: "ws://x", token: () => "t", WebSocket, fetch });
  chats.push(chat);
  await new Promise<void>((resolve) => chat.on("change", ({ status }) => status === "open" && resolve()));
  const list = new ConversationList(chat);
  await new Promise<void>((resolve) => list.on("change", () => resolve()));
  await list.update("conv_b", { pinned: true });
  assert.equal(requests.at(-1), 'PATCH http://x/conversations/conv_b/me {"pinned":true}');
  assert.deepEqual(list.rows.map(({ conversationId }) => conversationId), ["conv_b", "conv_a"]);
  assert.deepEqual(list.rows[0]!.me, { archived: false, pinned: true, notificationsMuted: true });
  await chat.close();
});

test("unknown protocol ends the connection with the advice to update", async () => {
  const [chat, errors] = newChat(undefined, (frame) => (frame.type === "hello" ? [{ ...WELCOME, protocol: 2 }] : []));
  await until(() => chat.status === "stopped" && errors.length > 0);
  chat.online();
  assert.equal(chat.status, "stopped");
  assert.deepEqual(errors.map(({ code, message }: any) => [code, message]), [
    ["UNKNOWN_PROTOCOL", "update the client"],
  ]);
});

test("storage that cannot be loaded at first loses no message", async () => {
  const storage = new MemoryStorage();
  const [former] = newChat(storage, () => []);
  (await former.open("conv_a", { immediately: true })).send("before").catch(() => {});
  await former.close();
  const closed = Date.now();
  await until(() => Date.now() > closed);
  const load = storage.load.bind(storage);
  storage.load = () => {
    storage.load = load;
    throw new Error("the database cannot be opened");
  };
  const [chat, errors] = newChat(storage, () => []);
  const room = await chat.open("conv_a", { immediately: true });
  room.send("after").catch(() => {});
  await chat.close();
  assert.equal(errors.length, 1);
  assert.deepEqual(Object.values(load()).map(({ fields }) => fields.content), ["before", "after"]);
});

/** A shared storage whose changes are durable when the test says so. */
class SlowStorage extends MemoryStorage {
  readonly order: string[] = [];
  private readonly _waiting: (() => void)[] = [];
  share = () => () => void this.order.push("end");

  override async save(key: string, value: Json): Promise<void> {
    await new Promise<void>((resolve) => this._waiting.push(resolve));
    super.save(key, value);
    if (value.fields) this.order.push(value.fields.content);
  }

  /** Make all changes durable that are ordered until `ended`. */
  async endure(ended: Promise<void>): Promise<void> {
    let isEnded = false;
    void ended.then(() => (isEnded = true));
    await until(() => {
      this._waiting.shift()?.();
      return isEnded;
    });
  }
}

test("closed chat has stored what waited for another change", async () => {
  const storage = new SlowStorage();
  const [chat] = newChat(storage);
  const room = await chat.open("conv_a", { immediately: true });
  await until(() => chat.status === "open");
  room.send("first").catch(() => {});
  room.typing(); // its frame waits until the message is stored
  room.send("second").catch(() => {});
  await storage.endure(chat.close());
  assert.deepEqual(storage.order, ["first", "second", "end"]);
});

test("refused change is tried again although the server has ended the connection", async () => {
  const end = { type: "disconnect", code: "TOO_MANY_CONNECTIONS", reconnect: false };
  const storage = new MemoryStorage();
  const save = storage.save.bind(storage);
  let isFull = true;
  storage.save = (key, value) => {
    if (isFull) throw new Error("no space left");
    save(key, value);
  };
  const [chat, errors] = newChat(storage, (frame) => (frame.type === "hello" ? [end] : []));
  const room = await chat.open("conv_a", { immediately: true });
  await until(() => chat.status === "stopped" && errors.length > 0);
  mock.timers.enable({ apis: ["setTimeout"] });
  room.send("hi").catch(() => {});
  await turn();
  isFull = false;
  mock.timers.tick(1_000);
  mock.timers.reset();
  await until(() => Object.values(storage.load()).some(({ fields }) => fields?.content === "hi"));
  await chat.close();
});

test("two retries of a message end together", async () => {
  const refuse = (frame: Json) => (frame.type === "message" ? [error(frame, "MUTED", { retryable: false })] : answer(frame));
  const [chat] = newChat(undefined, refuse);
  const room = await chat.open("conv_a");
  await assert.rejects(room.send("hi"), { code: "MUTED" });
  FakeSocket.answer = answer;
  const { clientMessageId } = room.messages[0]!;
  const places = await Promise.all([room.retry(clientMessageId!), room.retry(clientMessageId!)]);
  assert.deepEqual(places.map(({ sequenceId }) => sequenceId), [1, 1]);
  await chat.close();
});

test("nothing is awaited for ever in what is closed", async () => {
  const silent = (frame: Json) => (frame.type === "message" ? [] : answer(frame));
  const [chat] = newChat(undefined, silent);
  const room = await chat.open("conv_a");
  room.close();
  await assert.rejects(room.send("to a closed room"), { code: "CLOSED" });
  const other = await chat.open("conv_a");
  await chat.close();
  await assert.rejects(other.send("to a closed chat"), { code: "CLOSED" });
  assert.equal(await other.older(), false);
});

test("conversation is not opened in a closed chat, and nothing waits for that", async () => {
  const [chat] = newChat();
  await chat.close();
  for (const resume of [false, true]) await assert.rejects(chat.open("conv_a", { resume }), { code: "CLOSED" });
});

test("retry of an unknown message rejects", async () => {
  const [chat] = newChat();
  const room = await chat.open("conv_a");
  await assert.rejects(room.retry("unknown"), RangeError);
  const { clientMessageId } = await room.send("hi");
  await assert.rejects(room.retry(clientMessageId), RangeError);
  await chat.close();
});

test("message that a full storage has refused is not stored after a sign-out", async () => {
  let isFull = true;
  const storage = new MemoryStorage();
  const [save, clear] = [storage.save.bind(storage), storage.clear.bind(storage)];
  storage.save = (key, value) => {
    if (isFull) throw new Error("no space left");
    save(key, value);
  };
  storage.clear = () => {
    clear();
    isFull = false;
  };
  mock.timers.enable({ apis: ["setTimeout"] });
  const [chat, errors] = newChat(storage, () => []);
  const room = await chat.open("conv_a", { immediately: true });
  room.send("hi").catch(() => {});
  await until(() => errors.length > 0);
  await turn(); // the next attempt is planned
  await chat.signOut();
  mock.timers.tick(1_000);
  mock.timers.reset();
  await turn();
  assert.deepEqual(storage.load(), {});
});

test("send into a conversation that has ended is over when it is opened again", async () => {
  const [chat] = newChat(undefined, (frame) => (frame.type === "message" ? [] : answer(frame)));
  const room = await chat.open("conv_a");
  const sent = room.send("hi");
  const removed = { type: "conversation_removed", conversation_id: "conv_a", reason: "removed" };
  FakeSocket.sockets[0]!.onmessage!({ data: JSON.stringify(removed) });
  await until(() => room.error !== null);
  assert.notEqual(await chat.open("conv_a"), room);
  await assert.rejects(sent, { code: "CLOSED" });
  await chat.close();
});

test("network is looked for in a hidden tab, too, as soon as the device is online", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] }); // no backoff ends by itself
  const handlers = new Map<string, (event: Json) => void>();
  const addEventListener = (name: string, handler: (event: Json) => void, { signal }: { signal: AbortSignal }) => {
    handlers.set(name, handler);
    signal.addEventListener("abort", () => handlers.delete(name));
  };
  Object.assign(globalThis, { addEventListener, document: { visibilityState: "hidden" } });
  const [chat] = newChat();
  await until(() => chat.status === "open");
  FakeSocket.sockets[0]!.close();
  await until(() => chat.status === "waiting");
  handlers.get("focus")!({ type: "focus" });
  assert.equal(chat.status, "waiting");
  handlers.get("online")!({ type: "online" });
  await until(() => chat.status === "open");
  await chat.close();
  assert.equal(handlers.size, 0);
  for (const name of ["addEventListener", "document"]) delete (globalThis as any)[name];
});
