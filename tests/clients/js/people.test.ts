/** Presence and typing: pushed, never stored, and expiring. */

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Json } from "../../../clients/js/src/core/outputs.ts";
import { clear, connected, error, event, followed, frame, frames, HISTORY, NOW, page, push, SOCKET, take } from "./drive.ts";

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

test("typing ends with each sign of its end", () => {
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

test("typing push that was overtaken has no effect", () => {
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

test("keystrokes send few typing frames", () => {
  const client = connected();
  for (const time of [0, 1_000, 2_999, 3_000]) client.typing("conv_a", true, NOW + time);
  assert.deepEqual(frames(client, "typing").map(({ is_typing }) => is_typing), [true, true]);
  client.advance(NOW + 8_000);
  assert.equal(frame(client, "typing").is_typing, false);
  client.advance(NOW + 60_000);
  assert.deepEqual(frames(client, "typing"), []);
});

test("typing ends when the user stops and silently with a message", () => {
  const client = connected();
  client.typing("conv_a", true, NOW);
  client.send("conv_a", "k", { content: "hi" }, NOW);
  client.advance(NOW + 5_000);
  assert.deepEqual(frames(client).map(({ type }) => type), ["typing", "message"]);
});

test("joins role changes and departures change the participants", () => {
  const client = followed(1, 3, { participants });
  const carol = { participant_id: "carol", name: "Carol", role: "member" };
  const joined = event(4, "participant_joined", { participant: carol });
  const left = event(5, "participant_left", { participant: bob });
  client.receive(SOCKET, { type: "events", history_id: HISTORY, conversation_id: "conv_a", events: [joined, left] }, NOW);
  assert.deepEqual(client.participants("conv_a").map(({ name }) => name), ["Carol"]);
  assert.equal(take(client, "people").length, 1);
});

test("typing expires", () => {
  for (const elapsed of [6_000, 60_000]) {
    const client = followed(1, 3, { participants });
    client.receive(SOCKET, typing(true), NOW);
    client.advance(NOW + 5_999);
    assert.deepEqual(names(client), ["Bob"]);
    client.advance(NOW + elapsed);
    assert.deepEqual(names(client), []);
  }
});

test("profiles of participants are followed and an older push changes none", () => {
  const client = followed(1, 3, { participants });
  const profile = (name: string, second: number) => ({
    type: "profile",
    participant: { ...bob, name },
    avatar_url: "https://pictures.example/" + name,
    updated_at: `2027-01-15T08:00:0${second}Z`,
  });
  for (const push of [profile("Robert", 2), profile("Rob", 1)]) client.receive(SOCKET, push, NOW);
  const [other] = client.participants("conv_a").filter(({ participantId }) => participantId === "bob");
  assert.deepEqual([other!.name, other!.avatarUrl], ["Robert", "https://pictures.example/Robert"]);
});

test("presence and read pointers of others are followed", () => {
  const client = followed(1, 3, { participants: [{ ...bob, online: false }] });
  const about = { conversation_id: "conv_a", history_id: HISTORY };
  client.receive(SOCKET, { ...about, type: "presence", participant: bob, online: true }, NOW);
  client.receive(SOCKET, { ...about, type: "read", participant_id: "bob", sequence_id: 3 }, NOW);
  assert.ok(take(client, "people").length > 0);
  const [other] = client.participants("conv_a");
  assert.deepEqual([other!.online, other!.readUpTo], [true, 3]);
});

test("refused read mark is dropped silently", () => {
  const client = followed();
  client.read("conv_a", NOW);
  client.advance(NOW + 1_000);
  client.receive(SOCKET, error(frame(client, "read"), "BLOCKED", { conversation_id: "conv_a", retryable: false }), NOW + 1_000);
  client.advance(NOW + 30_000);
  assert.deepEqual(clear(client).filter(({ kind }) => kind === "refused" || kind === "send"), []);
  client.close("conv_a", NOW);
  assert.deepEqual(frames(client).map(({ type }) => type), ["unsubscribe"]);
});

test("unread messages are counted once when pages events and marks overtake each other", () => {
  const client = connected();
  const unread = () => client.readState("conv_a").unreadCount;
  client.open("conv_a", NOW);
  const subscribe = frame(client, "subscribe");
  client.receive(SOCKET, push([5]), NOW);
  client.receive(SOCKET, page(subscribe, 1, 4, 4, { read_up_to: 1, unread_count: 3 }), NOW);
  assert.equal(unread(), 4); // the page has not counted the fifth
  client.socketClosed(SOCKET, NOW);
  client.advance(NOW + 2_000);
  client.tokenReceived("token", NOW + 2_000);
  client.socketOpened(SOCKET + 1, NOW + 2_000);
  const missed = page({ ...frame(client, "hello"), type: "subscribe" }, 6, 6, 8, { read_up_to: 1, unread_count: 7, has_more: true });
  client.receive(SOCKET + 1, missed, NOW + 2_000);
  client.receive(SOCKET + 1, push([7]), NOW + 2_000);
  client.receive(SOCKET + 1, push([8]), NOW + 2_000);
  assert.equal(unread(), 7); // it has counted them
  client.receive(SOCKET + 1, { type: "read", conversation_id: "conv_a", participant_id: "alice", sequence_id: 9, unread_count: 0 }, NOW + 2_000);
  client.receive(SOCKET + 1, push([9, 10]), NOW + 2_000);
  assert.equal(unread(), 1);
});
