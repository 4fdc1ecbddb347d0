/** Presence and typing: pushed, never stored, and expiring. */

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Json } from "../../../clients/js/src/core/outputs.ts";
import { connected, event, followed, frame, frames, HISTORY, NOW, SOCKET, take } from "./drive.ts";

const bob = { participant_id: "bob", name: "Bob" };
const typing = (is_typing: boolean, sent_at = "1"): Json => ({
  type: "typing",
  conversation_id: "conv_a",
  participant: bob,
  is_typing,
  sent_at,
});
const participants = [{ ...bob, role: "member", online: true }];
const names = (client: ReturnType<typeof followed>) => client.typists("conv_a").map(({ name }) => name);

test("typing ends by a push or a message or its expiry", () => {
  const ends: ((client: ReturnType<typeof followed>) => void)[] = [
    (client) => client.receive(SOCKET, typing(false, "2"), NOW),
    (client) => client.receive(SOCKET, { type: "events", conversation_id: "conv_a", events: [event(4)] }, NOW),
    (client) => client.receive(SOCKET, { type: "presence", conversation_id: "conv_a", participant: bob, online: false }, NOW),
    (client) => client.advance(NOW + 6_000),
    (client) => client.socketClosed(SOCKET, NOW),
  ];
  for (const end of ends) {
    const client = followed(1, 3, { participants });
    client.receive(SOCKET, typing(true), NOW);
    assert.deepEqual(names(client), ["Bob"]);
    end(client);
    assert.deepEqual(names(client), []);
  }
});

test("older typing push is ignored", () => {
  const client = followed();
  client.receive(SOCKET, typing(false, "2"), NOW);
  client.receive(SOCKET, typing(true, "1"), NOW);
  client.receive(SOCKET, typing(true, "2"), NOW);
  assert.deepEqual(names(client), []);
});

test("presence is unknown without a connection", () => {
  const client = followed(1, 3, { participants });
  assert.deepEqual(client.participants("conv_a").map(({ online }) => online), [true]);
  client.socketClosed(SOCKET, NOW);
  assert.deepEqual(client.participants("conv_a").map(({ online }) => online), [false]);
});

test("keystrokes are sent at most every three seconds and a pause ends them", () => {
  const client = connected();
  for (const time of [0, 1_000, 2_999, 3_000]) client.typing("conv_a", true, NOW + time);
  assert.deepEqual(frames(client, "typing").map(({ is_typing }) => is_typing), [true, true]);
  client.advance(NOW + 8_000);
  assert.equal(frame(client, "typing").is_typing, false);
  client.advance(NOW + 60_000);
  assert.deepEqual(frames(client, "typing"), []);
});

test("sent message ends typing without a further frame", () => {
  const client = connected();
  client.typing("conv_a", true, NOW);
  client.send("conv_a", "k", { content: "hi" }, NOW);
  client.advance(NOW + 5_000);
  assert.deepEqual(frames(client).map(({ type }) => type), ["typing", "message"]);
});

test("joined and left participants are listed at once", () => {
  const client = followed(1, 3, { participants });
  const carol = { participant_id: "carol", name: "Carol", role: "member" };
  const joined = event(4, "participant_joined", { participant: carol });
  const left = event(5, "participant_left", { participant: bob });
  client.receive(SOCKET, { type: "events", history_id: HISTORY, conversation_id: "conv_a", events: [joined, left] }, NOW);
  assert.deepEqual(client.participants("conv_a").map(({ name }) => name), ["Carol"]);
  assert.equal(take(client, "people").length, 1);
});
