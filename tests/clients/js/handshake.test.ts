/** Handshakes that the server refuses: why, and when the next one follows. */

import assert from "node:assert/strict";
import { after, mock, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { Chat, type Credential, type Json } from "../../../clients/js/src/index.ts";

/** A WebSocket whose handshake is refused; browsers do not tell the status. */
class RefusedSocket {
  static handshakes: string[] = [];
  readyState = 0;
  onclose: (() => void) | null = null;

  constructor(url: string, protocols: string[]) {
    RefusedSocket.handshakes.push(protocols[1] ?? url);
    queueMicrotask(() => this.onclose?.());
  }

  close(): void {}
}

mock.timers.enable({ apis: ["setTimeout"] }); // no backoff ends by itself, also not that of an earlier test's chat
const chats: Chat[] = [];
after(() => Promise.all(chats.map((chat) => chat.close())));

/** Return a chat that waits after a refused handshake, its errors, and the headers of its requests. */
async function refused(answer: () => Response, token?: () => Credential): Promise<[Chat, any[], any[]]> {
  RefusedSocket.handshakes = [];
  const probes: unknown[] = [];
  let count = 0;
  const fetch = async (_: RequestInfo | URL, init?: RequestInit) => {
    probes.push(init!.headers);
    return answer();
  };
  const WebSocket = RefusedSocket as unknown as typeof globalThis.WebSocket;
  const options = { httpUrl: "http://x", wsUrl: "ws://x", token: token ?? (() => `token${++count}`) };
  const chat = new Chat({ ...options, WebSocket, fetch });
  chats.push(chat);
  const errors: unknown[] = [];
  chat.on("error", (problem) => errors.push(problem));
  await until(() => chat.status === "waiting");
  return [chat, errors, probes];
}

/** Let the event loop turn until a condition holds. */
async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + 20_000;
  while (!holds()) {
    assert.ok(Date.now() < end, `not within 20 seconds: ${holds}`);
    await turn();
  }
}

const answered = (status: number, error: Json) => () => new Response(JSON.stringify({ error }), { status });
const backoffOf = (chat: Chat): number => (chat as any)._driver.core.nextTimer(Date.now());

test("refused handshake is probed over http with its token", async () => {
  const [chat, , probes] = await refused(answered(401, { code: "UNAUTHORIZED" }));
  chat.online();
  await until(() => probes.length === 2);
  assert.deepEqual(RefusedSocket.handshakes, ["bearer.token1", "bearer.token2"]);
  assert.deepEqual(probes, [{ authorization: "Bearer token1" }, { authorization: "Bearer token2" }]);
});

test("refused handshake is probed over http and its error is shown", async () => {
  for (const [status, code] of [[403, "SUSPENDED"], [403, "FORBIDDEN"], [404, "NOT_FOUND"]] as const) {
    const [chat, errors] = await refused(answered(status, { code }));
    assert.ok(backoffOf(chat) <= 2_000, "a final error is tried again, too");
    chat.online();
    await until(() => errors.length === 2);
    assert.deepEqual(errors.map((error) => [error.code, error.status]), [[code, status], [code, status]]);
  }
});

test("refused handshake is probed over http and retry after is obeyed", async () => {
  for (const status of [429, 503]) {
    const [chat] = await refused(answered(status, { code: "UNAVAILABLE", retry_after: 45 }));
    const delay = backoffOf(chat);
    assert.ok(delay > 44_000 && delay <= 47_000, `${delay}`);
  }
});

test("handshake is repeated after the backoff if the probe learns nothing", async () => {
  const unreachable = () => {
    throw new TypeError("no network");
  };
  for (const answer of [unreachable, () => new Response("{}")]) {
    const [chat, errors, probes] = await refused(answer);
    assert.equal(probes.length, 1);
    assert.deepEqual(errors, []);
    assert.ok(backoffOf(chat) <= 2_000);
  }
});

test("refused ticket is not probed because it opens connections only", async () => {
  const [chat, , probes] = await refused(() => new Response("{}"), () => ({ ticket: "once" }));
  assert.deepEqual(RefusedSocket.handshakes, ["ws://x?ticket=once"]);
  assert.deepEqual(probes, []);
  assert.ok(backoffOf(chat) <= 2_000);
});

/** Return a chat some seconds after its handshake was refused, and a function that answers the probe. */
async function slowlyRefused(seconds: number): Promise<[Chat, any[], () => Promise<void>]> {
  const WebSocket = RefusedSocket as unknown as typeof globalThis.WebSocket;
  let respond: ((response: Response) => void) | undefined;
  const fetch = () => new Promise<Response>((resolve) => (respond = resolve));
  const chat = new Chat({ httpUrl: "http://x", wsUrl: "ws://x", token: () => "token", WebSocket, fetch });
  chats.push(chat);
  const errors: unknown[] = [];
  chat.on("error", (problem) => errors.push(problem));
  await until(() => respond !== undefined);
  const { now } = Date;
  Date.now = () => now() + seconds * 1_000;
  (chat as any)._driver.input((time: number) => (chat as any)._driver.core.advance(time));
  const finish = async () => {
    respond!(answered(503, { code: "UNAVAILABLE", retry_after: 45 })());
    await until(() => errors.length > 0 && chat.status === "waiting");
    Date.now = now;
  };
  return [chat, errors, finish];
}

test("answer of a probe that outlasts a handshake is obeyed", async () => {
  const [chat, errors, finish] = await slowlyRefused(12);
  assert.equal(chat.status, "connecting");
  await finish();
  assert.deepEqual(errors.map(({ code }) => code), ["UNAVAILABLE"]);
  const delay = backoffOf(chat);
  assert.ok(delay > 44_000 && delay <= 47_000, `${delay}`);
});

test("probe without an answer ends and the handshake is repeated after the backoff", async () => {
  const [chat, , finish] = await slowlyRefused(16);
  assert.equal(chat.status, "waiting");
  assert.ok(backoffOf(chat) <= 2_000);
  await finish();
});
