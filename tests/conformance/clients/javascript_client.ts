/** The JavaScript client under test: `Chat` and `Room` of its build, as an application uses them. */

import { advance, answer, fetchByRunner, flush, readLine, reset, RunnerSocket, RunnerStorage } from "./javascript_environment.ts";
import { settled, sockets, token, turnClock, write } from "./javascript_environment.ts";
import type { Chat, Json, Message, Room } from "../../../clients/js/src/index.ts";

const dist = process.env["CHAT_CLIENT"]!;
const client = (await import(dist + "/index.js")) as typeof import("../../../clients/js/src/index.ts");
const { ConversationList } = (await import(dist + "/conversations.js")) as typeof import("../../../clients/js/src/conversations.ts");

const HELLO = {
  name: "serverless-chat for JavaScript",
  version: "0.2.0",
  capabilities: ["storage", "resume", "window", "tabs", "list"],
};

let chat: Chat;
let storage: RunnerStorage;
const rooms = new Map<string, Room>();
const shown = new Map<string, readonly Message[]>();
const inHandler: Json[] = [];

const asLine = ({ sequenceId, clientMessageId, content, isDeleted, sender, status, reactions, error }: Message): Json => ({
  status,
  sequence_id: sequenceId,
  client_message_id: clientMessageId,
  content,
  is_deleted: isDeleted,
  sender: sender?.participantId ?? null,
  reactions: reactions.map(({ emoji, participants }) => [emoji, participants]),
  ...(error ? { error: error.code } : {}),
});

/** Show the messages that differ from those shown before, then carry out a line in the handler. */
function changed(room: Room): void {
  if (rooms.get(room.id) !== room) return;
  if (room.error) {
    shown.delete(room.id);
    return write("ended", { conversation_id: room.id });
  }
  const known = shown.get(room.id) ?? [];
  const { messages } = room;
  const limit = Math.min(known.length, messages.length);
  let [first, last] = [0, 0];
  while (first < limit && known[first] === messages[first]) first++;
  while (last < limit - first && known.at(-1 - last) === messages.at(-1 - last)) last++;
  shown.set(room.id, messages);
  const { start, position, historyId } = room;
  const changes = messages.slice(first, messages.length - last).map(asLine);
  const place = { history_id: historyId, start, position, read_up_to: room.readUpTo };
  write("view", { conversation_id: room.id, ...place, keep_first: first, keep_last: last, messages: changes });
  const line = inHandler.shift();
  if (line) handle(line);
}

async function send(room: Room, content: string): Promise<void> {
  try {
    const { clientMessageId, sequenceId, historyId } = await room.send(content);
    const place = { sequence_id: sequenceId, history_id: historyId };
    write("sent", { conversation_id: room.id, client_message_id: clientMessageId, ...place });
  } catch (error) {
    if (!(error instanceof client.ChatError)) throw error;
    const { client_message_id } = error.details;
    if (!/^(CLOSED|DISCARDED)$/.test(error.code)) write("refused", { conversation_id: room.id, client_message_id, code: error.code });
  }
}

/** Show the list, and all of it again after each change. */
function list(): void {
  new ConversationList(chat).on("change", (rows) => {
    const shown = rows.map(({ conversationId, title, unreadCount, lastMessage }) => ({
      conversation_id: conversationId,
      title,
      unread_count: unreadCount,
      last_message: lastMessage && { sequence_id: lastMessage.sequenceId, content: lastMessage.content },
    }));
    write("rows", { rows: shown });
  });
}

async function open(conversationId: string, resume: boolean): Promise<void> {
  const room = await chat.open(conversationId, { immediately: true, resume });
  rooms.set(conversationId, room);
  room.on("change", changed);
  changed(room);
}

/** Begin anew: the process is as if it had just been started. */
function start({ now, seed, storage: stored, window, tabs }: Json): void {
  reset(now, seed);
  rooms.clear();
  shown.clear();
  inHandler.length = 0;
  storage = new RunnerStorage(stored, tabs);
  chat = new client.Chat({
    httpUrl: "http://server",
    wsUrl: "ws://server",
    token,
    storage,
    window: window ?? Infinity,
    WebSocket: RunnerSocket as unknown as typeof WebSocket,
    fetch: fetchByRunner as unknown as typeof fetch,
  });
}

function handle(line: Json): unknown {
  const { type, conversation_id: id, target, client_message_id: key } = line;
  const room = rooms.get(id);
  switch (type) {
    case "hello":
      return write("hello", HELLO);
    case "start":
      return start(line);
    case "stop":
      return chat.close();
    case "storage":
      return void (storage.isFull = line.full);
    case "stored":
      return storage.events?.changed(line.key, line.value, line.sent);
    case "drain":
      return storage.events?.drains(line.storage);
    case "advance":
      return advance(line.ms);
    case "clock":
      return turnClock(line.ms);
    case "online":
      return chat.online();
    case "token":
    case "response":
      return answer(line);
    case "opened":
      return sockets.get(line.socket)?.open();
    case "closed":
      return sockets.get(line.socket)?.closed();
    case "frame":
      return sockets.get(line.socket)?.onmessage({ data: JSON.stringify(line.frame) });
    case "list":
      return list();
    case "open":
      return open(id, line.resume);
    case "close":
      rooms.delete(id);
      shown.delete(id);
      return room?.close();
    case "send":
      return room && send(room, line.content);
    case "edit":
      return room?.edit(target, line.content);
    case "delete":
      return room?.delete(target);
    case "react":
      return room?.react(target, line.emoji);
    case "retry":
      return void room?.retry(key);
    case "discard":
      return room?.discard(key);
    case "read":
      return room?.read();
    case "older":
      return void room?.older();
    case "typing":
      return room?.typing();
    case "view":
      shown.delete(id);
      return room && changed(room);
    case "in_handler":
      return inHandler.push(line.line);
    default:
      throw new Error("unknown line: " + type);
  }
}

for (;;) {
  const line = JSON.parse(readLine());
  const done = handle(line);
  if (line.type === "advance") await done;
  await settled();
  flush();
}
