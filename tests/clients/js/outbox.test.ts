/** The outbox: order, attempts, acknowledgements, refusals. */

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Core } from "../../../clients/js/src/core/client.ts";
import type { Json } from "../../../clients/js/src/core/outputs.ts";
import { clear, connect, connected, error, event, frame, frames, followed, HISTORY, newClient } from "./drive.ts";
import { NOW, page, SOCKET, statuses, take, WELCOME } from "./drive.ts";

function send(client: Core, keys: string[], conversationId = "conv_a"): void {
  for (const key of keys) client.send(conversationId, key, { content: `text of ${key}` }, NOW);
}

const ack = (command: Json, sequence_id: number, history_id = HISTORY): Json => ({
  type: command.type === "message" ? "message_ack" : "ack",
  id: command.id,
  history_id,
  sequence_id,
});
/** The key of the first item that is queued at NOW. */
const FIRST_KEY = `outbox/000${NOW}`;
const refusal = (command: Json, code = "MUTED"): Json => error(command, code, { retryable: false });
const keysOf = (batch: Json): string[] => batch.commands.map((command: Json) => command.client_message_id);

function refused(...keys: string[]): Core {
  const client = connected();
  send(client, keys);
  client.receive(SOCKET, refusal(frame(client)), NOW);
  return client;
}

test("attempt is saved before its frame is sent", () => {
  const client = connected();
  send(client, ["a"]);
  const outputs = clear(client).filter(({ kind }) => kind === "save" || kind === "send");
  assert.deepEqual(outputs.map(({ kind }) => kind), ["save", "save", "send"]);
  assert.equal(outputs[1]!.kind === "save" && outputs[1]!.value.isAttempted, true);
});

test("later messages wait for the answer and share one batch", () => {
  const client = connected();
  send(client, ["a", "b", "c"]);
  const first = frame(client);
  assert.equal(first.client_message_id, "a");
  client.receive(SOCKET, ack(first, 2), NOW);
  assert.deepEqual(keysOf(frame(client)), ["b", "c"]);
});

test("conversations do not wait for each other", () => {
  const client = connected();
  send(client, ["a"]);
  send(client, ["b"], "conv_b");
  assert.deepEqual(frames(client).map((sent) => sent.conversation_id), ["conv_a", "conv_b"]);
});

test("batch has at most 24 commands and fits into a frame", () => {
  const client = newClient();
  send(client, Array.from({ length: 30 }, (_, number) => `k${number}`));
  for (let number = 0; number < 4; number++) {
    client.send("conv_b", `long${number}`, { content: "é".repeat(5_000) }, NOW);
  }
  connect(client);
  assert.deepEqual(frames(client, "batch").map((batch) => batch.commands.length), [24, 3]);
});

test("commands with sequence ids name their history", () => {
  const client = connected();
  client.update("conv_a", "delete", 7, {}, NOW);
  client.send("conv_b", "reply", { content: "yes", reply_to: 7 }, NOW);
  client.send("conv_c", "plain", { content: "no" }, NOW);
  const named = frames(client).map((command) => [command.conversation_id, command.history_id]);
  assert.deepEqual(named, [["conv_a", HISTORY], ["conv_b", HISTORY], ["conv_c", undefined]]);
});

test("command that fits into no frame is sent by http", () => {
  const client = connected({ limits: { frame_bytes: 500 } });
  client.send("conv_a", "long", { content: "x".repeat(500) }, NOW);
  const [post] = take(client, "post");
  client.batchPosted(post!.requestId, null, NOW);
  client.advance(NOW + 2_000);
  const [again] = take(client, "post");
  assert.equal(again!.commands[0]!.client_message_id, "long");
  const results = [ack(again!.commands[0]!, 2)];
  client.batchPosted(again!.requestId, { history_id: HISTORY, results }, NOW + 2_000);
  assert.deepEqual(take(client, "resolved").map(({ sequenceId }) => sequenceId), [2]);
});

test("transient error is obeyed and the same message sent again", () => {
  for (const code of ["RATE_LIMITED", "UNAVAILABLE", "INTERNAL", "UNAUTHORIZED", "CONVERSATION_BUSY"]) {
    const client = connected();
    send(client, ["a"]);
    const first = frame(client);
    const fields = { retryable: code !== "UNAUTHORIZED", retry_after: 3 };
    client.receive(SOCKET, error(first, code, fields), NOW);
    client.advance(NOW + 3_900);
    assert.deepEqual(frames(client), []);
    client.advance(NOW + 4_000);
    assert.deepEqual({ ...frame(client), id: "" }, { ...first, id: "" });
    assert.deepEqual(statuses(client), { a: "pending" });
  }
});

test("item waits no longer than a second once the token is renewed", () => {
  const client = connected();
  send(client, ["a"]);
  let now = NOW;
  const expired = () => client.receive(SOCKET, refusal(frame(client, "message"), "TOKEN_EXPIRED"), now);
  for (let number = 0; number < 6; number++) {
    expired(); // its delay grows
    client.advance((now += 32_000));
  }
  expired();
  client.receive(SOCKET, { type: "auth_ok", expires_at: WELCOME.expires_at }, now);
  client.advance(now + 900);
  assert.deepEqual(frames(client, "message"), []);
  client.advance(now + 1_000);
  assert.equal(frames(client, "message").length, 1);
});

test("renewed token does not shorten what the server asked for", () => {
  const client = connected();
  send(client, ["a"]);
  client.receive(SOCKET, error(frame(client), "RATE_LIMITED", { retryable: true, retry_after: 20 }), NOW);
  client.receive(SOCKET, { type: "auth_ok", expires_at: WELCOME.expires_at }, NOW);
  client.advance(NOW + 19_900);
  assert.deepEqual(frames(client, "message"), []);
  client.advance(NOW + 20_000);
  assert.equal(frames(client, "message").length, 1);
});

test("unanswered command is repeated after ten seconds and a jitter", () => {
  const client = connected();
  send(client, ["a"]);
  clear(client);
  client.advance(NOW + 10_000);
  assert.deepEqual(frames(client), []);
  client.advance(NOW + 11_000);
  assert.equal(frame(client).client_message_id, "a");
});

test("online begins the backoffs of commands and requests anew", () => {
  const client = connected();
  client.open("conv_a", NOW);
  send(client, ["a"]);
  let now = NOW;
  const about = { retryable: true, conversation_id: "conv_a" };
  const refuse = () => {
    for (const command of frames(client)) client.receive(SOCKET, error(command, "UNAVAILABLE", about), now);
  };
  for (let attempt = 0; attempt < 6; attempt++) {
    refuse();
    client.advance((now += 15_000));
  }
  refuse();
  client.advance((now += 1_000));
  assert.deepEqual(frames(client), []);
  client.online(now);
  refuse();
  client.advance((now += 1_000));
  assert.deepEqual(frames(client).map(({ type }) => type).sort(), ["message", "subscribe"]);
});

test("refused message holds the later ones of its conversation only", () => {
  const client = refused("a", "b");
  const outputs = clear(client);
  assert.deepEqual(outputs.flatMap((o) => (o.kind === "refused" ? [o.clientMessageId] : [])), ["a"]);
  assert.ok(!outputs.some(({ kind }) => kind === "send"));
  send(client, ["c"], "conv_b");
  assert.equal(frame(client).client_message_id, "c");
  assert.deepEqual(statuses(client), { a: "failed", b: "pending" });
});

test("message that a hook refuses is failed and not repeated", () => {
  const client = connected();
  send(client, ["a"]);
  client.receive(SOCKET, refusal(frame(client), "REFUSED_BY_HOOK"), NOW);
  assert.ok(clear(client).some(({ kind }) => kind === "refused"));
  client.advance(NOW + 60_000);
  assert.ok(!clear(client).some((output) => output.kind === "send" && output.frame.type === "message"));
  assert.deepEqual(statuses(client), { a: "failed" });
});

test("failed message is sent again by retry and the later ones after it", () => {
  const client = refused("a", "b");
  clear(client);
  client.retry("conv_a", "a", NOW);
  assert.deepEqual(keysOf(frame(client)), ["a", "b"]);
});

test("discarded message is forgotten and the later ones are sent", () => {
  const client = refused("a", "b");
  clear(client);
  client.discard("conv_a", "a", NOW);
  const outputs = clear(client);
  assert.ok(outputs.some((output) => output.kind === "forget" && output.key === FIRST_KEY));
  const sent = outputs.flatMap((output) => (output.kind === "send" ? [output.frame] : []));
  assert.deepEqual(sent.map((message) => message.client_message_id), ["b"]);
});

test("refused update holds nothing and updates pass a failed message", () => {
  const client = refused("a");
  client.update("conv_a", "react", 1, { emoji: "🎉" }, NOW);
  client.receive(SOCKET, refusal(frame(client, "react"), "VALIDATION_FAILED"), NOW);
  client.update("conv_a", "edit", 1, { content: "new" }, NOW);
  assert.equal(frames(client, "edit").length, 1);
});

test("batch that is refused as a whole is sent one by one", () => {
  const client = newClient();
  send(client, ["a", "b"]);
  connect(client);
  client.receive(SOCKET, refusal(frame(client, "batch"), "TOO_LARGE"), NOW);
  assert.equal(frame(client).client_message_id, "a");
  assert.deepEqual(statuses(client), { a: "pending", b: "pending" });
});

test("edit of a message without an attempt changes its body", () => {
  const client = newClient();
  send(client, ["a"]);
  client.update("conv_a", "edit", "a", { content: "new" }, NOW);
  connect(client);
  assert.equal(frame(client, "message").content, "new");
});

test("deletion of a message without an attempt sends nothing", () => {
  const client = newClient();
  send(client, ["a"]);
  client.update("conv_a", "delete", "a", {}, NOW);
  connect(client);
  assert.deepEqual(frames(client).map(({ type }) => type), ["hello"]);
});

test("edit of an attempted message waits for its sequence id", () => {
  const client = connected();
  send(client, ["a"]);
  const message = frame(client);
  client.update("conv_a", "edit", "a", { content: "new" }, NOW);
  assert.deepEqual(frames(client), []);
  client.receive(SOCKET, ack(message, 7), NOW);
  const { type, target, content } = frame(client);
  assert.deepEqual([type, target, content], ["edit", 7, "new"]);
});

test("update of an unknown message is an error", () => {
  assert.throws(() => newClient().update("conv_a", "edit", "unknown", { content: "new" }, NOW), RangeError);
});

test("acknowledged message stays pending until it is in the view", () => {
  const client = connected();
  client.open("conv_a", NOW);
  client.receive(SOCKET, page(frame(client, "subscribe"), 1, 1, 1), NOW);
  send(client, ["a"]);
  client.receive(SOCKET, ack(frame(client, "message"), 2), NOW);
  assert.equal(statuses(client).a, "pending");
  const pushed = event(2, "message", { sender: { participant_id: "alice" }, client_message_id: "a" });
  const push = { type: "events", history_id: HISTORY, conversation_id: "conv_a", events: [pushed] };
  client.receive(SOCKET, push, NOW);
  assert.equal(statuses(client).a, "sent");
  clear(client);
  client.update("conv_a", "edit", "a", { content: "named as it was when it was pending" }, NOW);
  assert.equal(frame(client, "edit").target, 2);
});

test("acknowledgement of an older history resolves nothing", () => {
  const client = connected();
  send(client, ["a"]);
  client.receive(SOCKET, ack(frame(client), 2, "0.conversations"), NOW);
  assert.deepEqual(take(client, "resolved"), []);
  assert.deepEqual(statuses(client), { a: "pending" });
});

test("update of a message is not sent into another history", () => {
  const client = newClient({ history: { historyId: "0.conversations" } });
  client.update("conv_a", "edit", 7, { content: "new" }, NOW);
  client.send("conv_a", "reply", { content: "yes", reply_to: 7 }, NOW);
  connect(client);
  assert.deepEqual(frames(client).map(({ type }) => type), ["hello"]);
  assert.deepEqual(statuses(client), { reply: "failed" });
});

test("items from before any history are sent into the first one and into no other", () => {
  const client = newClient();
  client.update("conv_a", "edit", 7, { content: "new" }, NOW);
  client.send("conv_b", "reply", { content: "yes", reply_to: 7 }, NOW);
  connect(client);
  const named = frame(client, "batch").commands.map((command: Json) => [command.type, command.history_id]);
  assert.deepEqual(named, [["edit", HISTORY], ["message", HISTORY]]);
  client.receive(SOCKET, { type: "pong", history_id: "2.conversations" }, NOW);
  assert.deepEqual(statuses(client, "conv_b"), { reply: "failed" });
  client.retry("conv_b", "reply", NOW);
  assert.deepEqual(frames(client), []);
});

test("first history refuses what another one numbered and sends the rest", () => {
  const former = newClient({ history: { historyId: "0.conversations" } });
  former.send("conv_a", "old", { content: "yes", reply_to: 7 }, NOW);
  const [saved] = take(former, "save");
  const client = newClient({ [saved!.key]: saved!.value });
  client.send("conv_b", "new", { content: "yes", reply_to: 7 }, NOW);
  connect(client);
  assert.deepEqual(frames(client, "message").map((message) => message.client_message_id), ["new"]);
  assert.deepEqual(statuses(client), { old: "failed" });
});

test("stored outbox of another participant is deleted unsent", () => {
  const former = newClient({ participant: { participant_id: "bob" } });
  send(former, ["a"]);
  connect(former);
  const outputs = clear(former);
  const sent = outputs.flatMap((output) => (output.kind === "send" ? [output.frame.type] : []));
  assert.deepEqual(sent, ["hello"]);
  assert.ok(outputs.some((output) => output.kind === "forget" && output.key === FIRST_KEY));
});

test("text that no frame can carry is an error of the call", () => {
  const client = connected();
  assert.throws(() => client.send("conv_a", "a", { content: "\ud800" }, NOW), TypeError);
  assert.deepEqual(clear(client), []);
});

test("message takes the read mark along", () => {
  const client = followed(1, 3, { read_up_to: 2, unread_count: 1 });
  send(client, ["a"]);
  assert.equal(frame(client).seen, 2);
});

test("client that is not the drainer sends and writes nothing and shows what the drainer did", () => {
  const client = connected();
  client.drain(null, NOW);
  send(client, ["a"]);
  const [save, ...others] = clear(client).filter(({ kind }) => kind !== "outbox");
  assert.ok(save!.kind === "save" && !save!.value.isAttempted && others.length === 0);
  client.update("conv_a", "edit", "a", { content: "new" }, NOW);
  const [edit] = take(client, "save");
  assert.equal(edit!.value.targetMessage, "a");
  const sent = { conversationId: "conv_a", clientMessageId: "a", sequenceId: 7, historyId: HISTORY };
  client.storageChanged(FIRST_KEY, null, sent, NOW);
  assert.deepEqual(clear(client).map(({ kind }) => kind), ["outbox", "resolved"]);
});

test("items of several clients on one storage are sent in the order of their keys", () => {
  const stored = newClient({}, 0.5, "/tab");
  send(stored, ["a", "b"]);
  const [first, second] = take(stored, "save");
  const client = connected();
  client.storageChanged(second!.key, second!.value, null, NOW);
  assert.equal(frame(client).client_message_id, "b");
  const other = newClient({ [second!.key]: second!.value, [first!.key]: first!.value });
  connect(other);
  assert.deepEqual(keysOf(frame(other, "batch")), ["a", "b"]);
});

test("update of another client is sent although its message is acknowledged already", () => {
  const client = connected();
  send(client, ["a"]);
  client.receive(SOCKET, ack(frame(client), 7), NOW);
  const other = newClient({}, 0.5, "/tab");
  send(other, ["a"]);
  other.drain(null, NOW);
  other.update("conv_a", "edit", "a", { content: "new" }, NOW);
  const edit = take(other, "save").at(-1)!;
  client.storageChanged(edit.key, edit.value, null, NOW);
  assert.equal(frame(client, "edit").target, 7);
});

test("update of a message that another client has sent names the history of its place", () => {
  const client = newClient({}, 0.5, "/tab");
  client.drain(null, NOW);
  const sent = { conversationId: "conv_a", clientMessageId: "a", sequenceId: 7, historyId: HISTORY };
  send(client, ["a"]);
  client.storageChanged(take(client, "save")[0]!.key, null, sent, NOW); // before it has learnt of any history
  client.update("conv_a", "react", "a", { emoji: "🎉" }, NOW);
  const [saved] = take(client, "save");
  assert.deepEqual([saved!.value.target, saved!.value.historyId], [7, HISTORY]);
});

test("message that another client has sent into a newer history stays pending until it is in the view", () => {
  const client = followed(1, 3);
  client.drain(null, NOW);
  send(client, ["a"]);
  const sent = { conversationId: "conv_a", clientMessageId: "a", sequenceId: 2, historyId: "2.conversations" };
  client.storageChanged(take(client, "save")[0]!.key, null, sent, NOW);
  assert.equal(statuses(client).a, "pending");
  client.receive(SOCKET, { type: "pong", history_id: "2.conversations", heads: {} }, NOW);
  assert.equal(statuses(client).a, "pending");
  const own = event(2, "message", { sender: { participant_id: "alice" }, client_message_id: "a" });
  const events = [event(1), own];
  const reply = page(frame(client, "subscribe"), 1, 2, 2, { events, history_id: "2.conversations" });
  client.receive(SOCKET, reply, NOW);
  assert.deepEqual(statuses(client), { "": "sent", a: "sent" });
});

test("message that another client sent before any history was known stays pending", () => {
  const client = newClient();
  client.drain(null, NOW);
  client.open("conv_a", NOW);
  send(client, ["a"]);
  const sent = { conversationId: "conv_a", clientMessageId: "a", sequenceId: 2, historyId: HISTORY };
  client.storageChanged(take(client, "save")[0]!.key, null, sent, NOW);
  connect(client);
  assert.equal(statuses(client).a, "pending");
  client.update("conv_a", "delete", "a", {}, NOW); // as long as it is shown, it can be named
});

test("client that is not the drainer deletes a message that it sees in the log", () => {
  const client = followed(1, 3);
  client.drain(null, NOW);
  send(client, ["a"]);
  const { key } = take(client, "save")[0]!;
  const events = [event(4, "message", { sender: { participant_id: "alice" }, client_message_id: "a" })];
  client.receive(SOCKET, { type: "events", history_id: HISTORY, conversation_id: "conv_a", events }, NOW);
  const sent = { conversationId: "conv_a", clientMessageId: "a", sequenceId: 4, historyId: HISTORY };
  assert.deepEqual(take(client, "forget"), [{ kind: "forget", key, sent }]);
});

test("message leaves the storage before it is resolved", () => {
  const client = connected();
  send(client, ["a"]);
  client.receive(SOCKET, ack(frame(client), 2), NOW);
  const kinds = clear(client).map(({ kind }) => kind);
  assert.ok(kinds.indexOf("forget") < kinds.indexOf("resolved"));
});

test("message with an invalid mark is sent again without it", () => {
  const client = followed(1, 3, { read_up_to: 3, unread_count: 0 });
  send(client, ["a"]);
  const first = frame(client);
  assert.equal(first.seen, 3);
  const details = [{ path: "seen", problem: "is beyond the head" }];
  client.receive(SOCKET, { ...refusal(first, "VALIDATION_FAILED"), details }, NOW);
  const again = frame(client);
  assert.deepEqual([again.client_message_id, again.seen], ["a", undefined]);
  client.receive(SOCKET, { ...refusal(again, "VALIDATION_FAILED"), details }, NOW);
  assert.deepEqual(statuses(client).a, "failed");
});

test("mark is kept if the message that took it along is refused", () => {
  const client = followed(1, 3, { read_up_to: 1, unread_count: 2 });
  client.read("conv_a", NOW);
  send(client, ["a"]);
  const first = frame(client, "message");
  assert.equal(first.seen, 3);
  const details = [{ path: "content", problem: "must not be empty" }];
  client.receive(SOCKET, { ...refusal(first, "VALIDATION_FAILED"), details }, NOW);
  assert.equal(statuses(client).a, "failed");
  client.advance(NOW + 10_000);
  assert.equal(frame(client, "read").sequence_id, 3);
});

test("client that takes over sends what the storage has and nothing else", () => {
  const client = connected();
  client.drain(null, NOW);
  send(client, ["sent by another tab", "left"]);
  const [, left] = take(client, "save");
  client.drain({ [left!.key]: left!.value }, NOW);
  assert.equal(frame(client).client_message_id, "left");
});

test("message that left the storage is shown until the news or the log tell what became of it", () => {
  const client = followed(1, 3);
  client.drain(null, NOW);
  send(client, ["sent", "deleted", "in the log", "next"]);
  const items = take(client, "save");
  client.drain({ [items[3]!.key]: items[3]!.value }, NOW); // before the news of the one that drained until now
  assert.equal(frame(client).client_message_id, "next");
  assert.deepEqual(Object.keys(statuses(client)), ["", "sent", "deleted", "in the log", "next"]);
  client.update("conv_a", "edit", "sent", { content: "new" }, NOW);
  assert.deepEqual(take(client, "save").map(({ value }) => value.command), ["edit"]);
  const sent = { conversationId: "conv_a", clientMessageId: "sent", sequenceId: 9, historyId: HISTORY };
  client.storageChanged(items[0]!.key, null, sent, NOW);
  client.storageChanged(items[1]!.key, null, null, NOW);
  const own = event(4, "message", { sender: { participant_id: "alice" }, client_message_id: "in the log" });
  client.receive(SOCKET, { type: "events", history_id: HISTORY, conversation_id: "conv_a", events: [own] }, NOW);
  const outputs = clear(client);
  const resolved = outputs.filter((output) => output.kind === "resolved");
  assert.deepEqual(resolved.map(({ clientMessageId }) => clientMessageId), ["sent", "in the log"]);
  const withdrawn = outputs.filter((output) => output.kind === "withdrawn");
  assert.deepEqual(withdrawn.map(({ clientMessageId }) => clientMessageId), ["deleted"]);
  const shown = { "": "sent", "in the log": "sent", sent: "pending", next: "pending" };
  assert.deepEqual(statuses(client), shown);
});

test("message that left the storage is not stored again", () => {
  const client = followed(1, 3);
  client.drain(null, NOW);
  client.send("conv_a", "reply", { content: "text", reply_to: 1 }, NOW);
  send(client, ["refused"]);
  const [, { key, value }] = take(client, "save") as [unknown, { key: string; value: Json }];
  client.storageChanged(key, { ...value, error: refusal({}) }, null, NOW);
  client.drain({}, NOW);
  client.retry("conv_a", "refused", NOW);
  client.receive(SOCKET, { type: "pong", history_id: "2.conversations", heads: {} }, NOW);
  assert.deepEqual(clear(client).filter((output) => output.kind === "save" && output.key.startsWith("outbox/")), []);
});

test("message that is not saved yet is sent by the client that takes over", () => {
  const client = connected();
  client.drain(null, NOW);
  send(client, ["a"]);
  client.drain({}, NOW); // the driver has not carried out the save: an earlier change of the storage lasts
  assert.equal(frame(client).client_message_id, "a");
});

test("acknowledgement without a history resolves nothing", () => {
  const client = connected({ history_id: null });
  send(client, ["a"]);
  client.receive(SOCKET, { ...ack(frame(client), 2), history_id: null }, NOW);
  assert.deepEqual(take(client, "resolved"), []);
});

test("command that the newer history refused is not repeated", () => {
  const client = connected();
  client.update("conv_a", "delete", 7, {}, NOW);
  const refusal = error(frame(client), "POSITION_UNKNOWN", { retryable: false, history_id: "2.conversations" });
  client.receive(SOCKET, refusal, NOW);
  client.advance(NOW + 60_000);
  assert.deepEqual(frames(client, "delete"), []);
});

test("stored update of a message that left the storage is deleted", () => {
  const client = newClient();
  send(client, ["a"]);
  client.update("conv_a", "react", "a", { emoji: "🎉" }, NOW);
  const [message, reaction] = take(client, "save").map(({ key, value }) => ({ [key]: value }));
  assert.deepEqual(take(newClient({ ...message, ...reaction }), "forget"), []);
  assert.deepEqual(take(newClient(reaction), "forget").map(({ key }) => key), Object.keys(reaction!));
});

test("send of a deleted message ends with an error", () => {
  const client = newClient();
  send(client, ["a"]);
  client.update("conv_a", "delete", "a", {}, NOW);
  assert.deepEqual(take(client, "withdrawn").map(({ clientMessageId }) => clientMessageId), ["a"]);
});

test("repeat of a message confirms no read mark", () => {
  const client = followed(1, 3);
  client.read("conv_a", NOW);
  send(client, ["a"]);
  client.receive(SOCKET, { ...ack(frame(client, "message"), 4), duplicate: true }, NOW);
  client.advance(NOW + 1_000);
  assert.equal(frame(client, "read").sequence_id, 3);
});

test("fields are those of the call in every attempt", () => {
  const client = connected();
  const mentions = ["bob"];
  client.send("conv_a", "a", { content: "hi", mentions }, NOW);
  const first = frame(client);
  mentions.push("carol");
  client.online(NOW + 1_000);
  const { id: _, ...second } = frame(client, "message");
  const { id: __, ...sent } = first;
  assert.deepEqual(second, { ...sent, mentions: ["bob"] });
});

test("fields that are no json are an error of the call and hold nothing", () => {
  const client = connected();
  assert.throws(() => client.send("conv_a", "a", { content: "hi", metadata: { count: 1n } }, NOW), TypeError);
  client.send("conv_a", "b", { content: "hi" }, NOW);
  assert.equal(frame(client).client_message_id, "b");
});

test("message that was discarded before another client left the outbox to this one stays discarded", () => {
  const client = connected();
  send(client, ["a"]);
  client.receive(SOCKET, refusal(frame(client)), NOW);
  const stored = Object.fromEntries(take(client, "save").map(({ key, value }) => [key, value]));
  client.drain(null, NOW);
  client.discard("conv_a", "a", NOW);
  client.drain(stored, NOW); // read before the driver has deleted it
  assert.deepEqual(client.messages("conv_a"), []);
});

test("later messages of a client follow those of a storage that could not be read before", () => {
  const stored = Object.fromEntries(
    ["a", "b"].map((clientMessageId, index) => {
      const key = `outbox/${String(NOW - 1_000 + index).padStart(16, "0")}`;
      const none = { target: null, targetMessage: null, historyId: null, error: null, sequenceId: null };
      const item = { key, conversationId: "conv_a", command: "message", fields: { content: "hi" }, clientMessageId, isAttempted: false };
      return [key, { ...item, ...none }];
    }),
  );
  const client = newClient({}, 0.5, "/tab");
  client.drain(null, NOW);
  connect(client);
  send(client, ["c"]);
  const saved = Object.fromEntries(take(client, "save").map(({ key, value }) => [key, value]));
  client.drain({ ...stored, ...saved }, NOW);
  assert.deepEqual(keysOf(frame(client, "batch")), ["a", "b", "c"]);
});

/** Return objects in objects. */
const nested = (levels: number): Json => (levels > 1 ? { a: nested(levels - 1) } : {});

test("message that no frame can carry is refused and holds no other", () => {
  const client = connected();
  const lone = "\ud83d"; // half of an emoji, as of a text that was cut
  const metadata = [{ text: [lone] }, { [lone]: 1 }, nested(62)];
  const unsendable = [{ content: lone }, ...metadata.map((value) => ({ content: "hi", metadata: value }))];
  for (const fields of unsendable) assert.throws(() => client.send("conv_a", "key", fields, NOW), TypeError);
  assert.deepEqual(client.messages("conv_a"), []);
  const read = [{ content: "\\ud83d" }, { content: "😀", metadata: nested(59) }, { content: "hi", metadata: { a: NaN } }];
  for (const fields of read) client.send(fields.content, "key", fields, NOW);
  assert.deepEqual(frames(client, "message").map(({ content }) => content), ["\\ud83d", "😀", "hi"]);
});

test("conversation that no frame can name is not opened", () => {
  const client = connected();
  assert.throws(() => client.open("\ud83d", NOW), TypeError);
  assert.deepEqual(frames(client), []);
});
