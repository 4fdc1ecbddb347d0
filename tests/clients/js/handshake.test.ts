/** Handshakes that the server refuses: why, and when the next one follows. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { Chat, type Json } from "../../../clients/js/src/index.ts";

/** A WebSocket whose handshake is refused; browsers do not tell the status. */
class RefusedSocket {
  static tokens: string[] = [];
  readyState = 0;
  onclose: (() => void) | null = null;

  constructor(_url: string, protocols: string[]) {
    RefusedSocket.tokens.push(protocols[1]!.replace("bearer.", ""));
    queueMicrotask(() => this.onclose?.());
  }

  close(): void {}
}

const chats: Chat[] = [];
after(() => Promise.all(chats.map((chat) => chat.close())));

/** Return a chat that waits after a refused handshake, its errors, and the tokens of its requests. */
async function refused(status: number, error: Json): Promise<[Chat, any[], string[]]> {
  RefusedSocket.tokens = [];
  const probes: string[] = [];
  let count = 0;
  const fetch = async (_url: unknown, { headers }: any) => {
    probes.push(headers.authorization.replace("Bearer ", ""));
    return new Response(JSON.stringify({ error }), { status });
  };
  const chat = new Chat({
    httpUrl: "http://x",
    wsUrl: "ws://x",
    token: () => `token${++count}`,
    WebSocket: RefusedSocket as unknown as typeof WebSocket,
    fetch: fetch as typeof globalThis.fetch,
  });
  chats.push(chat);
  const errors: any[] = [];
  chat.on("error", (problem) => errors.push(problem));
  await waiting(chat);
  return [chat, errors, probes];
}

/** Let the event loop turn until a backoff runs. */
async function waiting(chat: Chat): Promise<void> {
  const end = Date.now() + 20_000;
  while (chat.status !== "waiting") {
    assert.ok(Date.now() < end, `not within 20 seconds: ${chat.status}`);
    await turn();
  }
}

test("refused handshake is probed over http with its token", async () => {
  const [chat, , probes] = await refused(401, { code: "UNAUTHORIZED" });
  chat.online();
  await waiting(chat);
  assert.deepEqual(RefusedSocket.tokens, ["token1", "token2"]);
  assert.deepEqual(probes, RefusedSocket.tokens);
});

test("refused handshake is probed over http and its error is shown", async () => {
  const [, errors] = await refused(403, { code: "SUSPENDED" });
  assert.deepEqual(errors.map(({ code, status }) => [code, status]), [["SUSPENDED", 403]]);
});

test("refused handshake is probed over http and retry after is obeyed", async () => {
  for (const status of [429, 503]) {
    const [chat] = await refused(status, { code: "UNAVAILABLE", retry_after: 45 });
    const delay = (chat as any)._driver.core.nextTimer(Date.now());
    assert.ok(delay > 44_000 && delay <= 47_000, `${delay}`);
  }
});
