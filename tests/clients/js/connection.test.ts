/** Connecting, staying connected, and connecting again. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { clear, connect, connected, error, frame, frames, newClient, NOW, page, push, SOCKET, take, WELCOME } from "./drive.ts";

test("token callback is called for every handshake", () => {
  const client = newClient();
  client.start(NOW);
  assert.equal(take(client, "token").length, 1);
  client.tokenReceived("first", NOW);
  assert.deepEqual(take(client, "connect"), [{ kind: "connect", socket: 1, token: "first" }]);
  client.socketClosed(1, NOW);
  client.advance(NOW + 30_000);
  assert.equal(take(client, "token").length, 1);
  client.tokenReceived("second", NOW + 30_000);
  assert.deepEqual(take(client, "connect"), [{ kind: "connect", socket: 2, token: "second" }]);
});

test("hello names history positions and n", () => {
  const position = { sequenceId: 7, historyId: "1.conversations" };
  const client = newClient({ history: { historyId: "1.conversations" }, "position/conv_a": position });
  client.open("conv_a", NOW, true);
  client.open("conv_b", NOW);
  connect(client);
  const hello = frame(client, "hello");
  assert.deepEqual(hello.subscribe, [{ conversation_id: "conv_a", after: 7 }, { conversation_id: "conv_b" }]);
  assert.equal(hello.history_id, "1.conversations");
  assert.ok(hello.n > 0);
});

test("conversations beyond the list of hello are subscribed one by one", () => {
  const client = newClient();
  for (let number = 0; number < 103; number++) client.open(`conv_${number}`, NOW);
  connect(client);
  const [hello, ...rest] = frames(client);
  assert.equal(hello!.subscribe.length, 100);
  assert.deepEqual(rest.map((sent) => sent.conversation_id), ["conv_100", "conv_101", "conv_102"]);
});

test("reconnect waits a random part of an exponential delay", () => {
  for (const [attempts, longest] of [[1, 2], [2, 4], [4, 16], [5, 30], [12, 30]] as const) {
    const client = newClient({}, 0.75);
    let now = NOW;
    let delay: number | null = null;
    client.start(now);
    for (let socket = 1; socket <= attempts; socket++) {
      client.tokenReceived("token", now);
      client.socketClosed(socket, now);
      delay = client.nextTimer(now);
      now += 31_000;
      client.advance(now);
    }
    assert.equal(delay, 750 * longest);
  }
});

test("online ends a running backoff", () => {
  const client = newClient();
  client.start(NOW);
  client.tokenFailed(NOW);
  clear(client);
  client.online(NOW);
  assert.equal(take(client, "token").length, 1);
});

test("ping names the positions within the interval and a missing pong ends the connection", () => {
  const client = connected({ ping_interval: 20 });
  client.open("conv_a", NOW);
  clear(client);
  client.advance(NOW + 20_000);
  assert.deepEqual(frame(client, "ping").heads, { conv_a: 0 });
  client.advance(NOW + 25_000);
  assert.deepEqual(take(client, "disconnect"), [{ kind: "disconnect", socket: SOCKET }]);
});

test("answered ping keeps the connection", () => {
  const client = connected({ ping_interval: 20 });
  client.advance(NOW + 20_000);
  const ping = frame(client, "ping");
  client.receive(SOCKET, { type: "pong", id: ping.id, history_id: "1.conversations" }, NOW + 21_000);
  client.advance(NOW + 30_000);
  assert.deepEqual(take(client, "disconnect"), []);
});

test("late pong of an earlier ping keeps no dead connection", () => {
  const client = connected({ ping_interval: 20 });
  client.advance(NOW + 20_000);
  const ping = frame(client, "ping");
  client.online(NOW + 21_000);
  client.receive(SOCKET, { type: "pong", id: ping.id, history_id: "1.conversations" }, NOW + 21_000);
  client.advance(NOW + 26_000);
  assert.equal(take(client, "disconnect").length, 1);
});

test("token is renewed before it expires", () => {
  const client = connected({ ping_interval: 100_000 });
  client.advance(NOW + 3_539_000);
  assert.deepEqual(take(client, "token"), []);
  client.advance(NOW + 3_540_000);
  assert.equal(take(client, "token").length, 1);
  client.tokenReceived("new", NOW + 3_541_000);
  assert.equal(frame(client, "auth").token, "new");
});

test("ticket opens another connection instead of a renewal", () => {
  const client = connected({ ping_interval: 100_000 });
  client.advance(NOW + 3_540_000);
  clear(client);
  client.tokenReceived({ ticket: "once" }, NOW + 3_540_000);
  const outputs = clear(client);
  assert.deepEqual(outputs.flatMap((output) => (output.kind === "connect" ? [output.token] : [])), [{ ticket: "once" }]);
  assert.ok(outputs.some(({ kind }) => kind === "disconnect"));
  assert.deepEqual(outputs.filter(({ kind }) => kind === "send"), []);
});

test("unanswered renewal is repeated with another token", () => {
  const client = connected({ ping_interval: 100_000 });
  client.advance(NOW + 3_540_000);
  client.tokenReceived("lost", NOW + 3_540_000);
  clear(client);
  client.advance(NOW + 3_552_000);
  assert.equal(take(client, "token").length, 1);
});

test("failed renewals do not lengthen the backoff of the connection", () => {
  const client = connected({ ping_interval: 100_000 });
  let now = NOW;
  for (let count = 0; count < 5; count++) {
    now += client.nextTimer(now)!;
    client.advance(now);
    clear(client);
    client.tokenReceived("refused", now);
    client.receive(SOCKET, error(frame(client, "auth"), "UNAUTHORIZED", { retryable: false }), now);
  }
  client.socketClosed(SOCKET, now);
  clear(client);
  client.advance(now + 1_000); // half of the first delay, which is two seconds at most
  assert.equal(take(client, "token").length, 1);
});

test("expired token is renewed at once and refuses no message", () => {
  const client = connected();
  client.send("conv_a", "k", { content: "hi" }, NOW);
  client.receive(SOCKET, error(frame(client, "message"), "TOKEN_EXPIRED", { retryable: false }), NOW);
  assert.equal(take(client, "token").length, 1);
  assert.deepEqual(client.messages("conv_a").map((message) => message.status), ["pending"]);
});

test("connection is replaced before two hours have passed", () => {
  const client = connected({ ping_interval: 100_000, expires_at: "2126-01-15T08:00:00.000Z" });
  client.advance(NOW + 5_999_000);
  assert.deepEqual(take(client, "disconnect"), []);
  client.advance(NOW + 6_600_000);
  const kinds = clear(client).map((output) => output.kind);
  assert.ok(kinds.includes("disconnect") && kinds.includes("token"));
});

test("disconnect frame decides whether to connect again", () => {
  for (const [reconnect, status] of [[true, "waiting"], [false, "stopped"]] as const) {
    const client = connected();
    client.receive(SOCKET, { type: "disconnect", code: "ERASED", reason: "…", reconnect }, NOW);
    assert.deepEqual(take(client, "status"), [{ kind: "status", status }]);
  }
});

test("inputs about a former socket have no effect", () => {
  const client = connected();
  client.socketClosed(SOCKET - 1, NOW);
  client.receive(SOCKET + 1, { type: "disconnect", reconnect: false }, NOW);
  assert.deepEqual(clear(client), []);
});

test("frame of the gateway itself has no effect", () => {
  const client = connected();
  client.receive(SOCKET, { message: "Internal server error", connectionId: "c", requestId: "r" }, NOW);
  assert.deepEqual(clear(client), []);
});

test("clock that jumps back stops no timer", () => {
  const client = connected({ ping_interval: 20 });
  client.advance(NOW - 100_000_000);
  client.advance(NOW - 100_000_000 + 20_000);
  assert.equal(frames(client, "ping").length, 1);
});

test("stop closes the socket and keeps the outbox", () => {
  const client = connected();
  client.send("conv_a", "k", { content: "hi" }, NOW);
  client.stop(NOW);
  assert.ok(clear(client).some((output) => output.kind === "disconnect"));
  assert.deepEqual(client.messages("conv_a").map((message) => message.clientMessageId), ["k"]);
  assert.equal(client.nextTimer(NOW), null);
});

test("heads of many conversations are named in several pings", () => {
  const client = newClient();
  for (let number = 0; number < 150; number++) client.open(`conv_${number}`, NOW);
  connect(client, { ping_interval: 20 });
  clear(client);
  client.advance(NOW + 20_000);
  assert.deepEqual(frames(client, "ping").map(({ heads }) => Object.keys(heads).length), [100, 50]);
});

test("refused hello is repeated on another connection", () => {
  const client = newClient();
  client.start(NOW);
  client.tokenReceived("token", NOW);
  client.socketOpened(SOCKET, NOW);
  const hello = frame(client, "hello");
  client.receive(SOCKET, error(hello, "UNAVAILABLE", { retryable: true, retry_after: 3 }), NOW);
  assert.equal(take(client, "disconnect").length, 1);
  client.advance(NOW + 3_900);
  assert.equal(take(client, "token").length, 0);
  client.advance(NOW + 4_000);
  assert.equal(take(client, "token").length, 1);
});

test("pong of a later ping answers the earlier ones", () => {
  const client = connected();
  client.online(NOW);
  client.online(NOW + 3_000);
  const later = frames(client, "ping")[1]!;
  client.receive(SOCKET, { type: "pong", id: later.id, heads: {} }, NOW + 4_000);
  client.advance(NOW + 100_000);
  assert.deepEqual(take(client, "disconnect"), []);
});

test("online events in a row do not keep a dead connection", () => {
  const client = connected();
  for (const seconds of [0, 2, 4]) client.online(NOW + 1_000 * seconds);
  client.advance(NOW + 5_000);
  assert.equal(take(client, "disconnect").length, 1);
});

test("lost unsubscribe is sent again when an event comes", () => {
  const client = connected();
  client.open("conv_a", NOW);
  client.close("conv_a", NOW);
  clear(client);
  for (const [number, seconds] of [0, 1, 9, 10].entries()) client.receive(SOCKET, push([number + 4]), NOW + 1_000 * seconds);
  const sent = frames(client);
  assert.deepEqual(sent.map(({ type, conversation_id }) => [type, conversation_id]), Array(2).fill(["unsubscribe", "conv_a"]));
});

test("conversation that was closed after hello is unsubscribed", () => {
  const client = newClient();
  client.open("conv_a", NOW);
  client.start(NOW);
  client.tokenReceived("token", NOW);
  client.socketOpened(SOCKET, NOW);
  client.close("conv_a", NOW);
  const [hello, unsubscribe] = frames(client);
  assert.deepEqual([unsubscribe!.type, unsubscribe!.conversation_id], ["unsubscribe", "conv_a"]);
  assert.ok(unsubscribe!.n > hello!.n);
});

test("messages without an answer are sent again at once on the connection of another ticket", () => {
  const client = connected({ ping_interval: 100_000 });
  client.advance(NOW + 3_540_000);
  client.send("conv_a", "a", { content: "hi" }, NOW + 3_540_000);
  clear(client);
  client.tokenReceived({ ticket: "once" }, NOW + 3_540_000);
  client.socketOpened(SOCKET + 1, NOW + 3_541_000);
  clear(client);
  client.receive(SOCKET + 1, WELCOME, NOW + 3_541_000);
  assert.equal(frame(client, "message").client_message_id, "a");
});

test("conversations beyond the list of hello are subscribed on the connection of another ticket", () => {
  const client = connected({ ping_interval: 100_000 });
  client.advance(NOW + 3_540_000);
  for (let number = 0; number < 101; number++) client.open(`conv_${number}`, NOW + 3_540_000);
  for (const request of frames(client, "subscribe")) {
    client.receive(SOCKET, page(request, 1, 3, 3, { conversation_id: request.conversation_id }), NOW + 3_540_000);
  }
  client.tokenReceived({ ticket: "once" }, NOW + 3_540_000);
  client.socketOpened(SOCKET + 1, NOW + 3_541_000);
  clear(client);
  client.receive(SOCKET + 1, WELCOME, NOW + 3_541_000);
  assert.deepEqual(frames(client).map((sent) => [sent.type, sent.conversation_id]), [["subscribe", "conv_100"]]);
});
