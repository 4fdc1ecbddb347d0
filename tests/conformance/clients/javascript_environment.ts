/** The environment of the JavaScript client under test: virtual time, sockets, HTTP and storage of the runner. */

import { readSync, writeSync } from "node:fs";

import type { Json, SharedStorageEvents } from "../../../clients/js/src/index.ts";

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


let written = "";
export const write = (type: string, fields: Json): void => void (written += JSON.stringify({ type, ...fields }) + "\n");

const buffer = Buffer.alloc(1 << 16);
let received = Buffer.alloc(0);

/** Return the next line of the runner, or end the process. */
export function readLine(): string {
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
export class RunnerStorage {
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

export const sockets = new Map<number, RunnerSocket>();
let lastSocket = 0;

/** A WebSocket whose other end is the runner. */
export class RunnerSocket {
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

export async function token(): Promise<string> {
  const answer = await ask("token");
  if (answer.token === null) throw new Error("no token");
  return answer.token;
}

export async function fetchByRunner(url: string, { method, headers, body }: Json): Promise<any> {
  const fields = { method, path: url.slice("http://server".length), body: body ? JSON.parse(body) : null };
  const { status, body: answer, history_id } = await ask("request", { ...fields, token: headers.authorization.slice("Bearer ".length) });
  if (!status) throw new TypeError("no answer");
  return { ok: status < 400, status, headers: { get: () => history_id }, json: async () => answer };
}

/** Begin anew: nothing of a former client is left. */
export function reset(now: number, seed: number): void {
  wall = now - monotonic;
  random = seed * 2 + 1;
  lastSocket = lastRequest = 0;
  timers.clear();
  sockets.clear();
  awaited.clear();
}

/** Let the wall clock jump. */
export const turnClock = (milliseconds: number): void => void (wall += milliseconds);

/** Let all promises settle that can. */
export const settled = (): Promise<void> => new Promise((resolve) => settle(resolve));

/** Let time pass, and timers end. */
export async function advance(milliseconds: number): Promise<void> {
  monotonic += milliseconds;
  for (;;) {
    const due = [...timers].filter(([, timer]) => timer.due <= monotonic);
    if (!due.length) return;
    const [number, { call }] = due.reduce((one, other) => (other[1].due < one[1].due ? other : one));
    timers.delete(number);
    call();
    await settled();
  }
}

export function answer(line: Json): void {
  const resolve = awaited.get(line.request);
  awaited.delete(line.request);
  resolve?.(line);
}

/** Write that the client is idle, with all lines before. */
export function flush(): void {
  const due = Math.min(...[...timers.values()].map((timer) => timer.due));
  write("idle", { timer: Number.isFinite(due) ? Math.max(0, Math.ceil(due - monotonic)) : null });
  for (let bytes = Buffer.from(written); bytes.length; ) bytes = bytes.subarray(writeSync(1, bytes));
  written = "";
}
