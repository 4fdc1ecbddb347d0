/** One conversation: pages, gaps, resets, older events. */

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Json } from "../../../clients/js/src/core/outputs.ts";
import { clear, connect, connected, error, event, followed, frame, frames, HISTORY, newClient } from "./drive.ts";
import { NOW, numbers, page, push, SOCKET, take, WELCOME } from "./drive.ts";

const pong = (head: number): Json => ({ type: "pong", history_id: HISTORY, heads: { conv_a: head } });
const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index);

test("position is saved after the events were notified", () => {
  const client = connected();
  client.open("conv_a", NOW, true);
  client.receive(SOCKET, page(frame(client, "subscribe"), 1, 3, 3), NOW);
  clear(client);
  client.receive(SOCKET, push([4]), NOW);
  const [shown, saved] = clear(client);
  assert.equal(shown!.kind, "appended");
  const value = { sequenceId: 4, historyId: HISTORY };
  assert.deepEqual(saved, { kind: "save", key: "position/conv_a", value });
});

test("position of a conversation that does not resume is not saved", () => {
  const client = followed();
  client.receive(SOCKET, push([4]), NOW);
  assert.deepEqual(take(client, "save"), []);
});

test("conversation that is closed and opened again resumes where it was closed", () => {
  const client = connected();
  client.open("conv_a", NOW, true);
  client.receive(SOCKET, page(frame(client, "subscribe"), 1, 3, 3), NOW);
  client.close("conv_a", NOW);
  client.open("conv_a", NOW, true);
  const subscribe = frames(client, "subscribe")[0]!;
  assert.equal(subscribe.after, 3);
  client.receive(SOCKET, page(subscribe, 4, 5, 5), NOW);
  assert.deepEqual(numbers(client), [4, 5]);
});

test("conversation resumes where another client on the storage has shown it last", () => {
  const position = (sequenceId: number, historyId = HISTORY) => ({ sequenceId, historyId });
  const stored = { history: { historyId: HISTORY }, "position/conv_a": position(3) };
  for (const [news, after] of [[position(9), 9], [null, undefined]] as const) {
    const client = newClient(stored);
    connect(client);
    client.storageChanged("position/conv_a", news, null, NOW);
    clear(client);
    client.open("conv_a", NOW, true);
    assert.equal(frame(client, "subscribe").after, after);
  }
});

test("position that another client has in a newer history is not deleted with the former ones", () => {
  const client = connected();
  client.storageChanged("position/conv_a", { sequenceId: 9, historyId: HISTORY }, null, NOW);
  client.storageChanged("position/conv_b", { sequenceId: 2, historyId: "2.restored" }, null, NOW);
  client.receive(SOCKET, { ...pong(0), history_id: "2.restored" }, NOW);
  assert.deepEqual(take(client, "forget").map(({ key }) => key), ["position/conv_a"]);
});

test("conversation that is opened again to resume saves its position from then on", () => {
  const client = connected();
  client.open("conv_a", NOW);
  client.open("conv_a", NOW, true);
  assert.deepEqual(take(client, "save"), [], "there is none yet");
  const loaded = followed();
  loaded.open("conv_a", NOW, true);
  loaded.receive(SOCKET, push([4]), NOW);
  assert.deepEqual(take(loaded, "save").map(({ value }) => value.sequenceId), [3, 4]);
});

test("known event is dropped and one after a gap is held", () => {
  const client = followed();
  client.receive(SOCKET, push([5, 2]), NOW);
  assert.deepEqual(numbers(client), [1, 2, 3]);
  client.receive(SOCKET, push([4]), NOW);
  assert.deepEqual(numbers(client), [1, 2, 3, 4, 5]);
});

test("sync is sent if a gap stays open for 250 milliseconds", () => {
  const client = followed();
  client.receive(SOCKET, push([5]), NOW);
  assert.equal(client.nextTimer(NOW), 250);
  client.advance(NOW + 249);
  assert.deepEqual(frames(client), []);
  client.advance(NOW + 250);
  const sync = frame(client, "sync");
  assert.deepEqual([sync.after, sync.history_id], [3, HISTORY]);
});

test("gap that closes in time needs no sync", () => {
  const client = followed();
  client.receive(SOCKET, push([5]), NOW);
  client.receive(SOCKET, push([4]), NOW + 100);
  client.advance(NOW + 1_000);
  assert.deepEqual(frames(client), []);
});

test("higher head in a pong is fetched at once", () => {
  const client = followed();
  client.receive(SOCKET, pong(4), NOW);
  assert.equal(frame(client, "sync").after, 3);
});

test("further pages are fetched until the head", () => {
  const client = followed();
  client.receive(SOCKET, pong(9), NOW);
  client.receive(SOCKET, page(frame(client), 4, 6, 9, { has_more: true }), NOW);
  client.receive(SOCKET, page(frame(client, "sync"), 7, 9, 9), NOW);
  assert.deepEqual(numbers(client), range(1, 9));
});

test("view begins anew at the newest page after a huge gap", () => {
  const client = followed();
  client.receive(SOCKET, pong(100_000), NOW);
  const subscribe = frame(client, "subscribe");
  assert.ok(!("after" in subscribe));
  client.receive(SOCKET, page(subscribe, 99_951, 100_000, 100_000, { has_more: true }), NOW);
  const [replaced] = take(client, "replaced");
  assert.deepEqual([replaced!.start, replaced!.events.length], [99_951, 50]);
  assert.deepEqual(numbers(client), range(99_951, 100_000));
});

test("reset discards the events of the conversation", () => {
  const client = followed();
  client.receive(SOCKET, pong(4), NOW);
  client.receive(SOCKET, page(frame(client), 1, 2, 2, { reset: true }), NOW);
  assert.deepEqual(take(client, "replaced").map(({ start }) => start), [1]);
  assert.deepEqual(numbers(client), [1, 2]);
});

test("newer history discards all events and subscribes again", () => {
  const client = followed();
  client.receive(SOCKET, push([2], "2.restored"), NOW);
  const outputs = clear(client);
  assert.ok(outputs.some(({ kind }) => kind === "discarded"));
  assert.ok(outputs.some((output) => output.kind === "save" && output.value.historyId === "2.restored"));
  assert.ok(outputs.some((output) => output.kind === "send" && output.frame.type === "subscribe"));
  assert.deepEqual(numbers(client), []);
});

test("frame of an older history is ignored", () => {
  const client = followed();
  client.receive(SOCKET, push([4], "0.former"), NOW);
  assert.deepEqual(clear(client), []);
});

test("late answer to a former request replaces nothing", () => {
  const client = followed(10, 12);
  client.receive(SOCKET, page({ type: "subscribe", id: "former" }, 1, 5, 5), NOW);
  client.receive(SOCKET, page({ type: "sync", id: "former" }, 1, 5, 5, { reset: true }), NOW);
  assert.deepEqual(numbers(client), [10, 11, 12]);
});

test("older events precede the start and come as one piece", () => {
  const client = followed(101, 103);
  assert.ok(client.older("conv_a", NOW));
  const first = frame(client, "sync");
  assert.equal(first.after, 50);
  client.receive(SOCKET, page(first, 51, 80, 103, { has_more: true }), NOW);
  assert.equal(numbers(client)[0], 101);
  const outputs = clear(client);
  assert.ok(!outputs.some(({ kind }) => kind === "prepended"));
  const [second] = outputs.flatMap((output) => (output.kind === "send" ? [output.frame] : []));
  client.receive(SOCKET, page(second!, 81, 103, 103), NOW);
  assert.deepEqual(numbers(client), range(51, 103));
});

test("older page that the connection lost is requested again", () => {
  const client = followed(101, 103);
  client.older("conv_a", NOW);
  client.socketClosed(SOCKET, NOW);
  client.online(NOW);
  client.tokenReceived("token", NOW);
  client.socketOpened(SOCKET + 1, NOW);
  clear(client);
  client.receive(SOCKET + 1, WELCOME, NOW);
  assert.deepEqual(frames(client, "sync").map(({ after }) => after), [50]);
});

test("nothing precedes the first event", () => {
  const client = followed();
  assert.equal(client.older("conv_a", NOW), false);
  assert.deepEqual(frames(client), []);
});

test("final error ends the subscription and a transient one does not", () => {
  const client = connected();
  client.open("conv_a", NOW);
  const subscribe = frame(client, "subscribe");
  const about = { conversation_id: "conv_a" };
  client.receive(SOCKET, error(subscribe, "UNAVAILABLE", { retryable: true, retry_after: 1, ...about }), NOW);
  client.advance(NOW + 2_000);
  const again = frame(client, "subscribe");
  assert.ok(again.n > subscribe.n);
  client.receive(SOCKET, error(again, "NOT_FOUND", { retryable: false, ...about }), NOW + 2_000);
  assert.deepEqual(take(client, "ended"), [{ kind: "ended", conversationId: "conv_a", code: "NOT_FOUND" }]);
});

test("lost membership ends the subscription", () => {
  for (const type of ["conversation_removed", "conversation_deleted"]) {
    const client = followed();
    client.receive(SOCKET, { type, conversation_id: "conv_a", reason: "left" }, NOW);
    assert.deepEqual(take(client, "ended"), [{ kind: "ended", conversationId: "conv_a", code: type }]);
  }
});

test("handlers may call the client while they take outputs", () => {
  const client = followed();
  client.receive(SOCKET, push([4]), NOW);
  const sent: string[] = [];
  for (const output of client.outputs()) {
    if (output.kind === "appended") {
      client.close("conv_a", NOW);
      client.open("conv_b", NOW);
    }
    if (output.kind === "send") sent.push(output.frame.type);
  }
  assert.deepEqual(sent, ["unsubscribe", "subscribe"]);
});

test("position of another history is not resumed", () => {
  const position = { sequenceId: 7, historyId: "0.former" };
  const client = newClient({ history: { historyId: HISTORY }, "position/conv_a": position });
  client.open("conv_a", NOW, true);
  connect(client);
  assert.deepEqual(frames(client, "hello")[0]!.subscribe, [{ conversation_id: "conv_a" }]);
});

test("conversation that was opened after hello is subscribed", () => {
  const client = newClient();
  client.start(NOW);
  client.tokenReceived("token", NOW);
  client.socketOpened(SOCKET, NOW);
  clear(client);
  client.open("conv_a", NOW);
  client.receive(SOCKET, WELCOME, NOW);
  assert.equal(frame(client, "subscribe").conversation_id, "conv_a");
});

test("unanswered read mark is repeated", () => {
  const client = followed(1, 3, { read_up_to: 0, unread_count: 3 });
  client.read("conv_a", NOW, 2);
  client.read("conv_a", NOW);
  assert.deepEqual(frames(client), []);
  client.advance(NOW + 1_000);
  assert.equal(frame(client, "read").sequence_id, 3);
  client.advance(NOW + 11_000);
  client.advance(NOW + 13_000);
  const again = frame(client, "read");
  const ack = { type: "read_ack", id: again.id, history_id: HISTORY, read_up_to: 3, unread_count: 0 };
  client.receive(SOCKET, { ...ack, conversation_id: "conv_a" }, NOW + 13_100);
  assert.deepEqual(client.readState("conv_a"), { readUpTo: 3, unreadCount: 0 });
  client.advance(NOW + 60_000);
  assert.deepEqual(frames(client, "read"), []);
});

test("messages of others count as unread until they are read", () => {
  const participants = ["alice", "bob"].map((participant_id) => ({ participant_id, read_up_to: 3 }));
  const client = followed(1, 3, { read_up_to: 3, unread_count: 0, participants });
  client.receive(SOCKET, push([4]), NOW);
  assert.deepEqual(client.readState("conv_a"), { readUpTo: 3, unreadCount: 1 });
  assert.deepEqual(client.participants("conv_a").map(({ readUpTo }) => readUpTo), [3, 4]);
});

test("older snapshot of participants replaces no newer state", () => {
  const client = followed(1, 3, { participants: [{ participant_id: "alice" }] });
  client.receive(SOCKET, push([5]), NOW);
  client.advance(NOW + 250);
  const sync = frame(client, "sync");
  const joined = event(4, "participant_joined", { participant: { participant_id: "carol", name: "Carol" } });
  client.receive(SOCKET, { ...push([]), events: [joined] }, NOW + 260);
  const stale = { participants: [{ participant_id: "alice" }] };
  client.receive(SOCKET, page(sync, 4, 3, 3, stale), NOW + 270);
  assert.deepEqual(client.participants("conv_a").map(({ participantId }) => participantId), ["alice", "carol"]);
});

test("read on another device moves the pointer", () => {
  const client = followed(1, 5, { read_up_to: 1, unread_count: 4 });
  const read = { type: "read", conversation_id: "conv_a", history_id: HISTORY };
  client.receive(SOCKET, { ...read, participant_id: "alice", sequence_id: 3 }, NOW);
  assert.deepEqual(client.readState("conv_a"), { readUpTo: 3, unreadCount: 2 });
  client.receive(SOCKET, { ...read, participant_id: "alice", sequence_id: 2 }, NOW);
  assert.equal(client.readState("conv_a").readUpTo, 3);
});

test("mark of the user moves the pointer at once and an older answer does not move it back", () => {
  const client = followed(1, 5, { read_up_to: 1, unread_count: 4 });
  client.read("conv_a", NOW, 4);
  assert.deepEqual(client.readState("conv_a"), { readUpTo: 4, unreadCount: 1 });
  client.advance(NOW + 1_000);
  const read = frame(client, "read");
  client.read("conv_a", NOW + 1_000);
  const ack = { type: "read_ack", id: read.id, conversation_id: "conv_a", history_id: HISTORY };
  client.receive(SOCKET, { ...ack, read_up_to: 4, unread_count: 1 }, NOW + 1_100);
  assert.deepEqual(client.readState("conv_a"), { readUpTo: 5, unreadCount: 0 });
  client.advance(NOW + 2_100);
  assert.equal(frame(client, "read").sequence_id, 5);
});

test("page that was wanted while subscribing is fetched after the answer", () => {
  const client = followed(101, 103);
  client.socketClosed(SOCKET, NOW);
  client.online(NOW);
  client.tokenReceived("token", NOW);
  client.socketOpened(SOCKET + 1, NOW);
  const hello = frame(client, "hello");
  client.receive(SOCKET + 1, WELCOME, NOW);
  client.older("conv_a", NOW);
  assert.deepEqual(frames(client), []);
  client.receive(SOCKET + 1, { ...page({ type: "subscribe", id: hello.id }, 104, 103, 103) }, NOW);
  assert.deepEqual(frames(client, "sync").map(({ after }) => after), [50]);
});

test("window keeps the newest events and those that were fetched", () => {
  const many = (first: number, count: number): number[] => range(first, first + count - 1);
  const client = newClient({}, 0.5, "", 200);
  connect(client);
  client.open("conv_a", NOW);
  clear(client);
  client.online(NOW);
  const subscribe = frame(client, "subscribe");
  client.receive(SOCKET, page(subscribe, 101, 150, 150), NOW);
  client.receive(SOCKET, push(many(151, 250)), NOW);
  const [trimmed] = take(client, "trimmed");
  assert.equal(trimmed, undefined);
  client.receive(SOCKET, push(many(401, 1)), NOW);
  assert.equal(take(client, "trimmed")[0]!.start, 202);
  assert.deepEqual(numbers(client), range(202, 401));
  assert.equal(client.messages("conv_a").length, 200);
  client.older("conv_a", NOW);
  client.receive(SOCKET, page(frame(client, "sync"), 152, 201, 401), NOW);
  client.receive(SOCKET, push(many(402, 200)), NOW);
  assert.deepEqual(numbers(client), range(152, 601));
});

test("read marks are coalesced", () => {
  const client = followed(1, 3, { read_up_to: 0, unread_count: 3 });
  client.read("conv_a", NOW, 3);
  client.receive(SOCKET, push([4]), NOW);
  client.read("conv_a", NOW + 500);
  client.advance(NOW + 900);
  assert.deepEqual(frames(client, "read"), []);
  client.advance(NOW + 1_000);
  const read = frame(client, "read");
  assert.deepEqual([read.conversation_id, read.sequence_id, read.history_id], ["conv_a", 4, HISTORY]);
});

test("own message directly after the pointer moves it", () => {
  const client = followed(1, 3, { read_up_to: 3, unread_count: 0 });
  const own = { ...event(4), sender: { participant_id: "alice" } };
  client.receive(SOCKET, { ...push([]), events: [own] }, NOW);
  assert.deepEqual(client.readState("conv_a"), { readUpTo: 4, unreadCount: 0 });
});

test("unread messages after a huge gap are those of the server until the mark is confirmed", () => {
  const client = followed(1, 3, { read_up_to: 0, unread_count: 3 });
  client.read("conv_a", NOW);
  client.receive(SOCKET, pong(1_000), NOW);
  const newest = page(frame(client, "subscribe"), 951, 1_000, 1_000, { read_up_to: 0, unread_count: 1_000 });
  client.receive(SOCKET, newest, NOW);
  assert.deepEqual(client.readState("conv_a"), { readUpTo: 3, unreadCount: 1_000 });
  client.advance(NOW + 1_000);
  const read = frame(client, "read");
  const ack = { type: "read_ack", id: read.id, history_id: HISTORY, conversation_id: "conv_a" };
  client.receive(SOCKET, { ...ack, read_up_to: 3, unread_count: 997 }, NOW + 1_000);
  assert.deepEqual([read.sequence_id, client.readState("conv_a")], [3, { readUpTo: 3, unreadCount: 997 }]);
});

test("page that is older than the mark of another device moves no pointer back", () => {
  const client = connected();
  client.open("conv_a", NOW);
  const subscribe = frame(client, "subscribe");
  const elsewhere = { type: "read", conversation_id: "conv_a", participant_id: "alice", history_id: HISTORY };
  client.receive(SOCKET, { ...elsewhere, sequence_id: 2, unread_count: 1 }, NOW);
  client.receive(SOCKET, page(subscribe, 1, 3, 3, { read_up_to: 0, unread_count: 3 }), NOW);
  assert.deepEqual(client.readState("conv_a"), { readUpTo: 2, unreadCount: 1 });
  client.receive(SOCKET, push([4]), NOW);
  assert.deepEqual(client.readState("conv_a"), { readUpTo: 2, unreadCount: 2 });
});

test("later mark than that of a message is sent within a second", () => {
  const client = followed(1, 3, { read_up_to: 0, unread_count: 3 });
  client.read("conv_a", NOW);
  client.send("conv_a", "k", { content: "hi" }, NOW);
  const message = frame(client, "message");
  client.receive(SOCKET, push([4]), NOW);
  client.read("conv_a", NOW);
  const ack = { type: "message_ack", id: message.id, history_id: HISTORY, sequence_id: 5, duplicate: false };
  client.receive(SOCKET, ack, NOW);
  client.advance(NOW + 1_000);
  assert.equal(frame(client, "read").sequence_id, 4);
});

test("mark of a conversation that was closed is shown when it is opened again", () => {
  const client = followed(1, 3, { read_up_to: 2, unread_count: 1 });
  client.read("conv_a", NOW);
  client.close("conv_a", NOW);
  client.open("conv_a", NOW);
  const [read, , subscribe] = frames(client);
  client.receive(SOCKET, page(subscribe!, 1, 3, 3, { read_up_to: 2, unread_count: 1 }), NOW);
  const ack = { type: "read_ack", id: read!.id, history_id: HISTORY, conversation_id: "conv_a" };
  client.receive(SOCKET, { ...ack, read_up_to: 3, unread_count: 0 }, NOW);
  assert.deepEqual(client.readState("conv_a"), { readUpTo: 3, unreadCount: 0 });
});

test("mark of a conversation that is closed without a connection is sent by the next one", () => {
  const client = followed(1, 3, { read_up_to: 0, unread_count: 3 });
  client.socketClosed(SOCKET, NOW);
  client.read("conv_a", NOW);
  client.close("conv_a", NOW);
  client.online(NOW);
  client.tokenReceived("token", NOW);
  client.socketOpened(SOCKET + 1, NOW);
  client.receive(SOCKET + 1, WELCOME, NOW);
  assert.equal(frame(client, "read").sequence_id, 3);
});

test("mark of a closed conversation is repeated until the server has it", () => {
  const client = followed(1, 3, { read_up_to: 0, unread_count: 3 });
  client.read("conv_a", NOW);
  client.close("conv_a", NOW);
  assert.equal(frame(client, "read").sequence_id, 3); // its answer is lost
  client.advance(NOW + 10_000);
  client.advance(NOW + 12_000);
  const again = frame(client, "read");
  const about = { history_id: HISTORY, conversation_id: "conv_a" };
  client.receive(SOCKET, error(again, "UNAVAILABLE", { ...about, retryable: true, retry_after: 2 }), NOW + 12_000);
  client.socketClosed(SOCKET, NOW + 12_000);
  client.online(NOW + 12_000);
  client.tokenReceived("token", NOW + 12_000);
  client.socketOpened(SOCKET + 1, NOW + 12_000);
  client.receive(SOCKET + 1, WELCOME, NOW + 12_000);
  const last = frame(client, "read");
  assert.deepEqual([last.conversation_id, last.sequence_id], ["conv_a", 3]);
  client.receive(SOCKET + 1, { ...about, type: "read_ack", id: last.id, read_up_to: 3, unread_count: 0 }, NOW + 12_000);
  client.advance(NOW + 60_000);
  assert.deepEqual(frames(client, "read"), []);
});

test("mark of a closed conversation ends with its history", () => {
  const client = followed(1, 3, { read_up_to: 0, unread_count: 3 });
  client.read("conv_a", NOW);
  client.close("conv_a", NOW);
  clear(client);
  client.receive(SOCKET, { ...pong(1), history_id: "2.restored" }, NOW);
  client.advance(NOW + 60_000);
  assert.deepEqual(frames(client, "read"), []);
});

test("conversation that is closed takes its read mark along", () => {
  const client = followed();
  client.receive(SOCKET, push([4]), NOW);
  client.read("conv_a", NOW);
  const mark = client.readState("conv_a").readUpTo;
  clear(client);
  client.close("conv_a", NOW);
  const sent = [...client.outputs()].flatMap((output) => (output.kind === "send" ? [output.frame] : []));
  assert.deepEqual(sent.map(({ type }) => type), ["read", "unsubscribe"]);
  assert.equal(sent[0]!.sequence_id, mark);
});

test("read marks of closed conversations that the server has are forgotten", () => {
  const client = followed(1, 3, { read_up_to: 0, unread_count: 3 });
  const count = (): number => (client as any)._marks.size;
  client.close("conv_a", NOW);
  assert.equal(count(), 0, "there is nothing to send");
  client.open("conv_a", NOW);
  client.receive(SOCKET, page(frame(client, "subscribe"), 1, 3, 3, { read_up_to: 0, unread_count: 3 }), NOW);
  client.read("conv_a", NOW);
  client.close("conv_a", NOW);
  const { id } = frame(client, "read");
  assert.equal(count(), 1);
  const ack = { type: "read_ack", id, history_id: HISTORY, conversation_id: "conv_a", read_up_to: 3, unread_count: 0 };
  client.receive(SOCKET, ack, NOW);
  assert.equal(count(), 0);
  client.open("conv_b", NOW);
  client.read("conv_b", NOW, 1);
  client.close("conv_b", NOW);
  client.receive(SOCKET, { ...pong(0), history_id: "2.restored" }, NOW);
  assert.equal(count(), 0, "they are of a former history");
});
