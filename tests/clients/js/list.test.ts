/** The list of conversations: the feed, the pages that repair it, and the order in which both arrive. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { ConversationList } from "../../../clients/js/src/conversations.ts";
import { Chat, type ChatOptions, type Json } from "../../../clients/js/src/index.ts";
import { Listed, type RoomState } from "../../../clients/js/src/core/listed.ts";
import { asMessage } from "../../../clients/js/src/core/view.ts";
import { connect, connected, error, event, frame, frames, HISTORY, newClient, NOW, page, push, SOCKET, WELCOME } from "./drive.ts";

const about = { conversation_id: "conv_a", history_id: HISTORY };
const last = (sequence_id: number, content = `text ${sequence_id}`): Json => ({
  sequence_id,
  content,
  created_at: `2027-01-15T08:00:${String(sequence_id).padStart(2, "0")}Z`,
  sender: { participant_id: "bob", name: "Bob" },
});
const entry = (head: number, fields: Json = {}): Json => ({
  conversation_id: "conv_a",
  title: "Trip",
  created_at: "2027-01-15T07:00:00Z",
  head,
  message_count: head,
  read_up_to: 0,
  unread_count: head,
  last_message: last(head),
  me: { archived: false, pinned: false, notifications_muted: false },
  ...fields,
});
const activity = (head: number, fields: Json = {}): Json => ({
  type: "activity",
  ...about,
  head,
  message_count: head,
  last_message: last(head),
  ...fields,
});
const read = (head: number, read_up_to: number, unread_count: number): Json => ({
  type: "read",
  ...about,
  participant_id: "alice",
  sequence_id: read_up_to,
  head,
  read_up_to,
  message_count: head,
  unread_count,
});

/** Return the state of an open room, all of whose events are messages. */
const room = (start: number, position: number, fields: Partial<RoomState> = {}): RoomState => ({
  start,
  position,
  events: Array.from({ length: position - start + 1 }, (_, index) => ({ sequence_id: start + index, type: "message" })),
  readUpTo: 0,
  unreadCount: position,
  lastMessage: asMessage(last(position)),
  ...fields,
});

/** Return all orders of some items. */
const orders = <T>(items: readonly T[]): T[][] =>
  items.length ? items.flatMap((item) => orders(items.filter((other) => other !== item)).map((rest) => [item, ...rest])) : [[]];

test("list asks for the feed in hello and on an open connection", () => {
  const client = newClient();
  client.feed(() => [], NOW);
  connect(client);
  assert.equal(frame(client, "hello").feed, true);
  const other = connected();
  other.feed(() => [], NOW);
  const first = frame(other, "hello");
  assert.equal(first.feed, true);
  other.receive(SOCKET, error(first, "UNAVAILABLE", { retryable: true }), NOW);
  other.advance(NOW + 30_000);
  const second = frame(other, "hello");
  other.receive(SOCKET, { ...WELCOME, id: second.id, feed: true }, NOW + 30_000);
  other.advance(NOW + 60_000);
  assert.deepEqual(frames(other, "hello"), []);
});

test("ping names the heads of the rows and a higher one loads the list again", () => {
  const client = connected();
  client.feed(() => [["conv_b", 7]], NOW);
  client.open("conv_a", NOW);
  client.advance(NOW + 240_000);
  const ping = frame(client, "ping");
  assert.deepEqual(ping.heads, { conv_a: 0, conv_b: 7 });
});

test("row is the same in whichever order pages and pushes arrive", () => {
  const pushes = [
    activity(5, { title: "Oslo" }),
    activity(6),
    read(6, 6, 0),
    activity(8, { message_count: 7, last_message: last(8, "newest") }),
    entry(4, { read_up_to: 2, unread_count: 2 }),
    read(5, 3, 2),
  ];
  for (const order of orders(pushes)) {
    const listed = new Listed(entry(3));
    for (const push of order) if (push.type) listed.pushed(push);
      else listed.paged(push);
    const { title, unreadCount, readUpTo, lastMessage } = listed.row;
    assert.deepEqual([title, unreadCount, readUpTo, lastMessage!.content, listed.head], ["Oslo", 1, 6, "newest", 8]);
  }
});

test("row follows the open room and counts on when it is closed", () => {
  const listed = new Listed(entry(3));
  assert.equal(listed.followed(room(2, 5, { readUpTo: 5, unreadCount: 0 })), false);
  assert.equal(listed.row.unreadCount, 0);
  listed.pushed(activity(6));
  assert.equal(listed.row.unreadCount, 1);
  assert.equal(listed.followed(room(9, 9)), true);
});

test("row does not follow a room that is behind it", () => {
  const listed = new Listed(entry(3));
  listed.pushed(activity(6));
  assert.equal(listed.followed(room(1, 4, { readUpTo: 4, unreadCount: 0 })), false);
  assert.deepEqual([listed.row.unreadCount, listed.row.lastMessage!.content], [6, "text 6"]);
  const titled = room(1, 6, { readUpTo: 0, unreadCount: 5 });
  listed.followed({ ...titled, events: titled.events.with(4, { sequence_id: 5, type: "conversation_updated", title: "Oslo" }) });
  assert.deepEqual([listed.row.title, listed.row.unreadCount], ["Oslo", 5]);
});

test("change of a message before the view of the room loads the list again", () => {
  const listed = new Listed(entry(3));
  const deleted = [{ sequence_id: 4, type: "message_deleted", target: 3 }];
  assert.equal(listed.followed({ ...room(4, 4), events: deleted, lastMessage: undefined }), true);
});

/** A socket whose server is a function; `push` sends a frame to the client. */
class Socket {
  static last: Socket;
  readyState = 1;
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;

  constructor() {
    Socket.last = this;
    queueMicrotask(() => this.onopen?.());
  }

  send(text: string): void {
    const sent = JSON.parse(text);
    const { type, id, feed } = sent;
    if (type === "hello") queueMicrotask(() => this.push({ ...WELCOME, id, feed }));
    if (type === "subscribe") queueMicrotask(() => this.push(page(sent, 1, 2, 2, { read_up_to: 2, unread_count: 0 })));
  }

  push(frame: Json): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  close(): void {
    queueMicrotask(() => this.onclose?.());
  }
}

const chats: Chat[] = [];
after(() => Promise.all(chats.map((chat) => chat.close())));

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!holds()) {
    assert.ok(performance.now() < end, `not within 20 seconds: ${holds}`);
    await turn();
  }
}

interface Loaded {
  chat: Chat;
  list: ConversationList;
  requests: string[];
  errors: unknown[];
}

/** Return a chat whose list is loaded, and the pages that its server has answered. */
async function listed(answers: () => Json | Promise<Json>): Promise<Loaded> {
  const requests: string[] = [];
  const errors: unknown[] = [];
  const fetch = async (url: RequestInfo | URL, init?: RequestInit) => {
    requests.push(`${init?.method} ${url}`);
    const body = await answers();
    return new Response(JSON.stringify(body), {
      status: body.error ? 503 : 200,
      headers: { "chat-history-id": body.history ?? HISTORY },
    });
  };
  const WebSocket = Socket as unknown as ChatOptions["WebSocket"];
  const chat = new Chat({ httpUrl: "http://x", wsUrl: "ws://x", token: () => "t", WebSocket: WebSocket!, fetch });
  chats.push(chat);
  chat.on("error", (problem) => errors.push(problem));
  const list = new ConversationList(chat);
  await until(() => chat.status === "open");
  void list.rows;
  await until(() => requests.length > 0);
  return { chat, list, requests, errors };
}

test("feed moves conversations and counts without a request", async () => {
  const rows = [entry(2), entry(3, { conversation_id: "conv_b", unread_count: 0, last_message: last(1) })];
  const { list, requests } = await listed(() => ({ conversations: rows, total_unread: 9 }));
  await until(() => list.rows.length === 2);
  assert.equal(list.totalUnread, 9);
  Socket.last.push(activity(5, { conversation_id: "conv_b", title: "Moved" }));
  const [first] = list.rows;
  assert.deepEqual([first!.conversationId, first!.title, first!.unreadCount], ["conv_b", "Moved", 2]);
  assert.equal(list.totalUnread, 11);
  Socket.last.push({ ...read(5, 5, 0), conversation_id: "conv_b" });
  assert.equal(list.totalUnread, 9);
  Socket.last.push({ type: "conversation_removed", ...about, reason: "removed" });
  assert.deepEqual(list.rows.map(({ conversationId }) => conversationId), ["conv_b"]);
  assert.equal(requests.length, 1);
});

test("list that is observed before the chat has connected is loaded", async () => {
  const WebSocket = Socket as unknown as ChatOptions["WebSocket"];
  const fetch = async () => new Response(JSON.stringify({ conversations: [entry(2)] }));
  const chat = new Chat({ httpUrl: "http://x", wsUrl: "ws://x", token: () => "t", WebSocket: WebSocket!, fetch });
  chats.push(chat);
  const shown: number[] = [];
  for await (const rows of new ConversationList(chat).values({ signal: AbortSignal.timeout(10_000) })) {
    shown.push(rows.length);
    if (rows.length) break;
  }
  assert.deepEqual(shown, [0, 1]);
});

test("list is loaded again for unknown conversations and higher heads and after a failure", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let rows = [entry(2)];
  const { chat, list, requests, errors } = await listed(() => (rows.length ? { conversations: rows } : { error: { code: "UNAVAILABLE" } }));
  await until(() => list.rows.length === 1);
  const afterPush = async (push: Json, delay = 1_000) => {
    const count = requests.length;
    for (let time = 0; time < 3; time++) Socket.last.push(push);
    assert.equal(requests.length, count);
    context.mock.timers.tick(delay);
    await until(() => requests.length === count + 1);
  };
  rows = [entry(2), entry(3, { conversation_id: "conv_b" })];
  await afterPush(activity(3, { conversation_id: "conv_b" }));
  await until(() => list.rows.length === 2);
  rows = [];
  await afterPush({ type: "pong", heads: { conv_a: 4 } });
  await until(() => errors.length > 0);
  rows = [entry(4)];
  context.mock.timers.tick(10_000);
  await until(() => list.rows.length === 1 && list.rows[0]!.unreadCount === 4);
  chat.online();
  await until(() => requests.length === 5);
});

test("further rows that cannot be loaded reject the call, which can be repeated", async () => {
  const first = { conversations: [entry(2)], next_cursor: "next" };
  const second = { conversations: [entry(3, { conversation_id: "conv_b" })] };
  const answers: Json[] = [first, { error: { code: "UNAVAILABLE" } }, first, second];
  const { list, requests, errors } = await listed(() => answers.shift()!);
  await until(() => list.rows.length === 1);
  await assert.rejects(list.more(), { code: "UNAVAILABLE" });
  await list.more();
  assert.deepEqual([list.rows.length, list.hasMore, requests.length, errors], [2, false, 4, []]);
});

test("event of a conversation that is not open loads the list again", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let head = 2;
  const { chat, list, requests } = await listed(() => ({ conversations: [entry(head)] }));
  await until(() => list.rows.length === 1);
  const open = await chat.open("conv_a");
  assert.equal(list.rows[0]!.unreadCount, 0);
  Socket.last.push(push([3]));
  open.close();
  for (const known of [push([3]), { type: "read_ack", ...about, read_up_to: 2 }]) Socket.last.push(known);
  context.mock.timers.tick(1_000);
  await turn();
  assert.deepEqual([requests.length, list.rows[0]!.unreadCount], [1, 1]);
  const edited = event(4, "message_edited", { target: 3, content: "edited" });
  const pushes = [
    { ...push([]), events: [edited] }, // the server has not executed `unsubscribe` yet
    { type: "subscribed", ...about, head: 5, events: [] }, // the answer came after the close
    { type: "read_ack", ...about, read_up_to: 3 }, // as that of a mark which the close has sent
    read(2, 4, 0), // a page with a newer head, but an older mark, came first
  ];
  for (const frame of pushes) {
    const count = requests.length;
    head++;
    Socket.last.push(frame);
    context.mock.timers.tick(1_000);
    await until(() => requests.length === count + 1 && list.rows[0]!.lastMessage!.sequenceId === head);
  }
});

test("page that was read before a change of membership is read again", async () => {
  let answer = (_: Json) => {};
  const { list, requests } = await listed(() => new Promise<Json>((resolve) => (answer = resolve)));
  answer({ conversations: [entry(2)] });
  await until(() => list.rows.length === 1);
  void list.reload();
  await until(() => requests.length === 2);
  Socket.last.push({ type: "conversation_removed", ...about, reason: "removed" });
  answer({ conversations: [entry(2)] });
  await until(() => requests.length === 3);
  assert.deepEqual(list.rows, []);
  answer({ conversations: [] });
  await turn();
  assert.deepEqual(list.rows, []);
});

test("changes of membership that overtake each other are read again", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  let rows = [entry(2)];
  const { list, requests } = await listed(() => ({ conversations: rows }));
  await until(() => list.rows.length === 1);
  rows = [];
  Socket.last.push({ type: "conversation_removed", ...about, reason: "removed" });
  Socket.last.push({ type: "conversation_added", ...about, conversation: entry(2) }); // the earlier one
  context.mock.timers.tick(1_000);
  await until(() => requests.length === 2 && !list.rows.length);
});

test("rows of another history are replaced and its frames are not mixed with them", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const NEWER = "2.conversations";
  let page: Json = { conversations: [entry(9)] };
  const { list, requests } = await listed(() => page);
  await until(() => list.rows.length === 1);
  page = { conversations: [entry(4)], history: NEWER };
  Socket.last.push(activity(20, { history_id: NEWER }));
  assert.equal(list.rows[0]!.unreadCount, 9);
  context.mock.timers.tick(1_000);
  await until(() => requests.length === 2 && list.rows[0]!.unreadCount === 4);
});

test("row of a direct conversation has the other participant", async () => {
  const bob = { participant_id: "bob", name: "Bob", type: "human", avatar_url: "https://cdn.example.com/bob.png" };
  const listed = new Listed({ conversation_id: "conv_a", direct: true, head: 1, other: bob });
  const other = { participantId: "bob", name: "Bob", type: "human", avatarUrl: "https://cdn.example.com/bob.png" };
  assert.deepEqual(listed.row.other, other);
  assert.ok(!("other" in new Listed({ conversation_id: "conv_b", head: 1, title: "Group" }).row));
});
