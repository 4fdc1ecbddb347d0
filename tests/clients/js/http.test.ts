/** Requests by HTTP: responses that are no answers. */

import assert from "node:assert/strict";
import { after, mock, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { Chat, type Json } from "../../../clients/js/src/index.ts";
import { WELCOME } from "./drive.ts";

const page = { head: 0, events: [], has_more: false, participants: [], read_up_to: 0, unread_count: 0 };

/** A WebSocket that greets. */
class GreetingSocket {
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;

  constructor() {
    queueMicrotask(() => {
      this.readyState = 1;
      this.onopen?.();
    });
  }

  send(text: string): void {
    const { type, id, subscribe = [] }: Json = JSON.parse(text);
    if (type !== "hello") return;
    const subscribed = subscribe.map((entry: Json) => ({ type: "subscribed", ...entry, ...page }));
    for (const answer of [WELCOME, ...subscribed]) {
      queueMicrotask(() => this.onmessage?.({ data: JSON.stringify({ id, history_id: "1.conversations", ...answer }) }));
    }
  }

  close(): void {
    queueMicrotask(() => this.onclose?.());
  }
}

mock.timers.enable({ apis: ["setTimeout"] }); // no backoff ends by itself, also not that of an earlier test's chat
const chats: Chat[] = [];
after(() => Promise.all(chats.map((chat) => chat.close())));

function newChat(fetch: (init: RequestInit) => Promise<Response>): Chat {
  const WebSocket = GreetingSocket as unknown as typeof globalThis.WebSocket;
  const options = { httpUrl: "http://x", wsUrl: "ws://x", token: () => "t", WebSocket };
  const chat = new Chat({ ...options, fetch: (_, init) => fetch(init!) });
  chats.push(chat);
  return chat;
}

test("request whose response is cut has no answer", async () => {
  const chat = newChat(async () => new Response('{"conversation_id": "con'));
  await assert.rejects(chat.direct("bob"), { code: "UNAVAILABLE", status: 0 });
});

test("request without an answer ends", async () => {
  const { timeout } = AbortSignal;
  const abort = new AbortController();
  const limits: number[] = [];
  AbortSignal.timeout = (limit) => {
    limits.push(limit);
    return abort.signal;
  };
  const silent = ({ signal }: RequestInit) =>
    new Promise<Response>((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason)));
  const request = newChat(silent).request("GET", "/me");
  await until(() => limits.length > 0);
  abort.abort(new Error("too late"));
  await assert.rejects(request, { code: "UNAVAILABLE", status: 0 });
  AbortSignal.timeout = timeout;
  assert.deepEqual(limits, [30_000]);
});

/** Let the event loop turn until a condition holds. */
async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + 20_000;
  while (!holds()) {
    assert.ok(Date.now() < end, `not within 20 seconds: ${holds}`);
    await turn();
  }
}

test("response that is not of the server refuses no message", async () => {
  const responses = [
    new Response("<h1>Forbidden</h1>", { status: 403 }),
    new Response('{"message": "Forbidden"}', { status: 403 }),
    new Response('{"message": "Request Entity Too Large"}', { status: 413 }),
  ];
  const read: Promise<unknown>[] = [];
  const chat = newChat(async () => {
    const response = responses.shift()!;
    const body = response.json.bind(response);
    response.json = () => {
      read.push(body());
      return read.at(-1)!;
    };
    return response;
  });
  const room = await chat.open("conv_a");
  const sent = room.send("é".repeat(20_000));
  for (const count of [1, 2]) {
    await until(() => read.length === count);
    assert.deepEqual(room.messages.map(({ status }) => status), ["pending"]);
    await Promise.allSettled(read);
    await turn(); // now the client waits
    chat.online();
  }
  await assert.rejects(sent, { code: "TOO_LARGE" });
  assert.deepEqual(room.messages.map(({ status }) => status), ["failed"]);
});
