/** L9 under random faults: the view is the log from a marked start; each send is in the log once and in order. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { STEPS } from "./steps.ts";
import { seeded, World } from "./world.ts";

const SCHEDULES = Number(process.env["CHAT_CLIENT_SCHEDULES"] ?? 40);
const FIRST = Number(process.env["CHAT_CLIENT_FIRST_SEED"] ?? 0);
const LONG = 150;
const NAMES = Object.keys(STEPS).sort();

function run(seed: number, tabs: number): void {
  const random = seeded(seed * 7_919 + 1);
  const world = new World(seed, tabs, seed % 4 === 3, seed % 3 === 2 ? 10 : Infinity);
  const done: string[] = [];
  try {
    for (let step = 0; step < LONG; step++) {
      const name = NAMES[Math.floor(random() * NAMES.length)]!;
      const index = Math.floor(random() * 12);
      done.push(`${name} ${index}`);
      STEPS[name]!(world, index);
    }
    done.push("settle");
    world.settle();
  } catch (error) {
    const problem = error instanceof Error ? error.stack : error;
    throw new Error(`seed ${seed} with ${tabs} tabs: ${problem}\nafter: ${done.slice(-25).join(", ")}`);
  }
}

test("view is the log and sends are in it once on long schedules", () => {
  for (let seed = FIRST; seed < FIRST + SCHEDULES; seed++) run(seed, 1);
});

test("view is the log and sends are in it once with two tabs on one storage", () => {
  for (let seed = FIRST; seed < FIRST + SCHEDULES; seed++) run(seed, 2);
});

test("schedule without faults resolves sends and shows the log", () => {
  const world = new World();
  world.settle();
  const keys = [world.send("conv_a"), world.send("conv_a")];
  world.settle();
  assert.deepEqual(world.tab(0).client.messages("conv_a").map((message) => message.clientMessageId), keys);
  assert.deepEqual([...world.sends.resolvedIn.keys()], keys);
});

test("the same seed always gives the same run", () => {
  const logs = [0, 0].map((seed) => {
    const world = new World(seed, 2);
    NAMES.forEach((name, index) => STEPS[name]!(world, index % 12));
    return JSON.stringify([...world.server.logs]);
  });
  assert.equal(logs[0], logs[1]);
});
