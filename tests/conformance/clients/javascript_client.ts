/** The JavaScript client under test: `Chat` and `Room` as an application uses them, with virtual time. */

import { readSync, writeSync } from "node:fs";

const settle = setImmediate;
let wall = 0;
let monotonic = 0;
let random = 1;

/** Timers of virtual time, in the place of the system's: they run while the runner advances it. */
interface Timer {
  due: number;
  call: () => void;
}
const timers = new Map<number, Timer>();
let lastTimer = 0;
Object.assign(globalThis, {
  setTimeout: (call: () => void, delay = 0) => {
    timers.set(++lastTimer, { due: monotonic + Math.max(0, delay), call });
    return lastTimer;
  },
  clearTimeout: (number: number) => void timers.delete(number),
});
Date.now = () => wall + monotonic;
Math.random = () => {
  random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
  return random / 4_294_967_296;
};
const fill = (bytes: Uint8Array) => bytes.map((_, index) => (bytes[index] = Math.floor(Math.random() * 256)));
Object.defineProperty(globalThis, "crypto", { value: { getRandomValues: fill } });

import { Chat, ChatError, type Json, type Message, type Room, type SharedStorageEvents } from "../../../clients/js/src/index.ts";

const HELLO = {
  name: "serverless-chat for JavaScript",
  version: "0.2.0",
  capabilities: ["storage", "window", "tabs"],
};

let written = "";
const write = (type: string, fields: Json): void => void (written += JSON.stringify({ type, ...fields }) + "\n");

const buffer = Buffer.alloc(1 << 16);
let received = Buffer.alloc(0);

/** Return the next line of the runner, or end the process. */
function readLine(): string {
  for (;;) {
    const end = received.indexOf(10);
    if (end >= 0) {
      const text = received.toString("utf8", 0, end);
      received = received.subarray(end + 1);
      return text;
    }
    const count = readSync(0, buffer);
    if (!count) process.exit();
    received = Buffer.concat([received, buffer.subarray(0, count)]);
  }
}

/** Hands each change to the runner, and fails while it is full. */
class RunnerStorage {
  isFull = false;
  events: SharedStorageEvents | null = null;
  share?: (events: SharedStorageEvents) => () => void;

  constructor(
    private readonly _stored: Record<string, Json>,
    isShared: boolean,
  ) {
    if (isShared) {
      this.share = (events) => {
        this.events = events;
        return () => (this.events = null);
      };
    }
  }

  load(): Record<string, Json> {
    return this._stored;
  }

  async save(key: string, value: Json): Promise<void> {
    if (this.isFull) throw new Error("no space left");
    write("save", { key, value });
  }

  async forget(key: string, sent: Json | null): Promise<void> {
    if (this.isFull) throw new Error("no space left");
    write("forget", { key, sent });
  }

  clear(): void {}
}

const sockets = new Map<number, RunnerSocket>();
let lastSocket = 0;

/** A WebSocket whose other end is the runner. */
class RunnerSocket {
  readyState = 0;
  onopen = () => {};
  onclose = () => {};
  onmessage = (_: { data: string }) => {};
  readonly number = ++lastSocket;

  constructor(_url: string, [, bearer]: string[]) {
    sockets.set(this.number, this);
    write("connect", { socket: this.number, token: bearer!.slice("bearer.".length) });
  }

  send(text: string): void {
    write("frame", { socket: this.number, frame: JSON.parse(text) });
  }

  close(): void {
    if (this.readyState > 1) return;
    this.readyState = 3;
    write("disconnect", { socket: this.number });
    void Promise.resolve().then(() => this.onclose());
  }

  open(): void {
    if (this.readyState !== 0) return;
    this.readyState = 1;
    this.onopen();
  }

  closed(): void {
    if (this.readyState > 1) return;
    this.readyState = 3;
    this.onclose();
  }
}

/** The requests that the client awaits of the runner, by the number of the request. */
const awaited = new Map<number, (answer: any) => void>();
let lastRequest = 0;

function ask(type: string, fields: Json = {}): Promise<any> {
  const request = ++lastRequest;
  write(type, { request, ...fields });
  return new Promise((resolve) => awaited.set(request, resolve));
}

async function token(): Promise<string> {
  const answer = await ask("token");
  if (answer.token === null) throw new Error("no token");
  return answer.token;
}

async function fetchByRunner(url: string, { method, headers, body }: Json): Promise<any> {
  const fields = { method, path: url.slice("http://server".length), body: body ? JSON.parse(body) : null };
  const { status, body: answer } = await ask("request", { ...fields, token: headers.authorization.slice("Bearer ".length) });
  if (!status) throw new TypeError("no answer");
  return { ok: status < 400, status, headers: { get: () => null }, json: async () => answer };
}

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
    if (!(error instanceof ChatError)) throw error;
    const { client_message_id } = error.details;
    if (!/^(CLOSED|DISCARDED)$/.test(error.code)) write("refused", { conversation_id: room.id, client_message_id, code: error.code });
  }
}

async function open(conversationId: string): Promise<void> {
  const room = await chat.open(conversationId, { immediately: true });
  rooms.set(conversationId, room);
  room.on("change", changed);
  changed(room);
}

/** Begin anew: the process is as if it had just been started. */
function start({ now, seed, storage: stored, window, tabs }: Json): void {
  wall = now - monotonic;
  random = seed * 2 + 1;
  lastSocket = lastRequest = 0;
  timers.clear();
  sockets.clear();
  awaited.clear();
  rooms.clear();
  shown.clear();
  inHandler.length = 0;
  storage = new RunnerStorage(stored, tabs);
  chat = new Chat({
    httpUrl: "http://server",
    wsUrl: "ws://server",
    token,
    storage,
    window: window ?? Infinity,
    WebSocket: RunnerSocket as unknown as typeof WebSocket,
    fetch: fetchByRunner as unknown as typeof fetch,
  });
}

async function advance(milliseconds: number): Promise<void> {
  monotonic += milliseconds;
  for (;;) {
    const due = [...timers].filter(([, timer]) => timer.due <= monotonic);
    if (!due.length) return;
    const [number, { call }] = due.reduce((one, other) => (other[1].due < one[1].due ? other : one));
    timers.delete(number);
    call();
    await new Promise((resolve) => settle(resolve));
  }
}

function answer(line: Json): void {
  const resolve = awaited.get(line.request);
  awaited.delete(line.request);
  resolve?.(line);
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
      return void (wall += line.ms);
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
    case "open":
      return open(id);
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
  await new Promise((resolve) => settle(resolve));
  const due = Math.min(...[...timers.values()].map((timer) => timer.due));
  write("idle", { timer: Number.isFinite(due) ? Math.max(0, Math.ceil(due - monotonic)) : null });
  for (let bytes = Buffer.from(written); bytes.length; ) bytes = bytes.subarray(writeSync(1, bytes));
  written = "";
}
