/** The page's list of blocked participants: its first request is repeated, once at a time, until the session ends. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { Blocks } from "../../../web/src/state/blocks.ts";

beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
afterEach(() => mock.timers.reset());

class Server {
  requests = 0;
  answer: () => Promise<string[]> = async () => {
    throw new Error("no answer");
  };

  blocks(): Promise<string[]> {
    this.requests++;
    return this.answer();
  }

  async block(): Promise<void> {}

  async unblock(): Promise<void> {}
}

/** Let some seconds pass; return how many requests there were in each. */
async function pass(server: Server, seconds: number): Promise<number[]> {
  const counts: number[] = [];
  for (let second = 0; second < seconds; second++) {
    const before = server.requests;
    mock.timers.tick(1_000);
    for (let count = 0; count < 5; count++) await turn();
    counts.push(server.requests - before);
  }
  return counts;
}

test("connections do not add up to more attempts to learn the blocks", async () => {
  const server = new Server();
  const blocks = new Blocks(server);
  const loads = Array.from({ length: 5 }, () => blocks.load());
  await Promise.all(loads);
  assert.deepEqual(await pass(server, 9), [0, 0, 1, 0, 0, 1, 0, 0, 1]);
  await pass(server, 1);
  await blocks.load();
  assert.deepEqual(await pass(server, 6), [0, 0, 1, 0, 0, 1], "an attempt that is planned is replaced");
  server.answer = async () => ["bob"];
  assert.deepEqual(await pass(server, 6), [0, 0, 1, 0, 0, 0]);
  assert.deepEqual([...blocks.ids.value], ["bob"]);
});

test("nothing is requested after the end", async () => {
  const server = new Server();
  const blocks = new Blocks(server);
  await blocks.load();
  blocks.end();
  assert.deepEqual(await pass(server, 6), [0, 0, 0, 0, 0, 0]);
  await blocks.load();
  assert.deepEqual(await pass(server, 6), [0, 0, 0, 0, 0, 0]);
});

test("block that is made while the list is loaded leaves no other one out", async () => {
  const server = new Server();
  const blocks = new Blocks(server);
  const answers = [["bob"], ["bob", "carol"]];
  server.answer = async () => answers[server.requests - 1]!;
  const loading = blocks.load();
  await blocks.set("carol", true);
  await loading;
  assert.deepEqual([...blocks.ids.value].sort(), ["bob", "carol"]);
  assert.equal(blocks.isKnown.value, true);
});
