/** Measures the JavaScript client; prints one line of JSON. Run by `bench/javascript_client.py`. */

import { Core } from "../clients/js/src/core/client.ts";
import type { Json } from "../clients/js/src/core/outputs.ts";

const EVENTS = 10_000;
const PAGE = 50;
const [FEW, MANY, WINDOW] = [20_000, 100_000, 5_000];
const CONVERSATIONS = 300;
const ROUNDS = 40;
const NOW = 1_800_000_000_000;
const WELCOME: Json = {
  type: "welcome",
  history_id: "1.conversations",
  participant: { participant_id: "alice", name: "Alice", type: "human" },
  ping_interval: 240,
  expires_at: "2126-01-15T08:00:00.000Z",
  limits: { frame_bytes: 32_768 },
};

const message = (sequence_id: number): Json => ({
  conversation_id: "conv_a",
  sequence_id,
  type: "message",
  created_at: "2026-11-29T12:00:00.000Z",
  sender: { participant_id: "bob", name: "Bob", type: "human" },
  message_id: `msg_${sequence_id}`.padEnd(26, "x"),
  client_message_id: `client-${sequence_id}`,
  content: `Message number ${sequence_id}, of a usual length for people who write to each other.`,
});

const frame = (page: number): string =>
  JSON.stringify({
    type: "events",
    history_id: "1.conversations",
    conversation_id: "conv_a",
    events: Array.from({ length: PAGE }, (_, index) => message(page * PAGE + index + 1)),
  });
const frames = Array.from({ length: EVENTS / PAGE }, (_, page) => frame(page));

/** Return a connected client that follows a conversation from its beginning, with a list of some others. */
function connected(rows: readonly string[] = [], window = Infinity): Core {
  const historyId = "1.conversations";
  const stored = { history: { historyId }, "position/conv_a": { sequenceId: 0, historyId } };
  const core = new Core(stored, Math.random, "", window);
  core.open("conv_a", NOW, true);
  if (rows.length) core.feed(() => rows.slice(0, 20).map((name) => [name, 0]), NOW);
  core.start(NOW);
  core.tokenReceived("token", NOW);
  core.socketOpened(1, NOW);
  core.receive(1, WELCOME, NOW);
  return core;
}

const drained = (core: Core): Json[] =>
  [...core.outputs()].flatMap((output) => (output.kind === "send" ? [output.frame] : []));

/** Return the frames in both directions until a client with a list has all that it asks for. */
function reconnect(): { sent: string[]; received: string[] } {
  const core = connected(names);
  const frames = drained(core);
  const received = frames.flatMap(({ id, subscribe = [] }) => subscribe.map((wanted: Json) => JSON.stringify(subscribed(id, wanted))));
  for (const text of received) core.receive(1, JSON.parse(text), NOW);
  const sent = [...frames, ...drained(core)].map((frame) => JSON.stringify(frame));
  return { sent, received: [JSON.stringify(WELCOME), ...received] };
}

/** Return the answer for a conversation in which nothing is new. */
const subscribed = (id: string, { conversation_id }: Json): Json => ({
  type: "subscribed",
  id,
  conversation_id,
  history_id: "1.conversations",
  ...{ head: 0, events: [], has_more: false, first_sequence_id: 1, participants: [], read_up_to: 0, unread_count: 0 },
});

function timed(run: () => unknown): number {
  const started = performance.now();
  run();
  return performance.now() - started;
}

function apply(): void {
  const core = connected();
  for (const text of frames) {
    core.receive(1, JSON.parse(text), NOW);
    drained(core);
  }
  if (core.messages("conv_a").length !== EVENTS) throw new Error("events are missing");
}

/** Return the bytes of a room with a window after few and after many messages. */
function memory(): [number, number] {
  const core = connected([], WINDOW);
  const measured: Record<number, number> = {};
  for (let page = 0; page < MANY / PAGE; page++) {
    core.receive(1, JSON.parse(frame(page)), NOW);
    core.messages("conv_a");
    drained(core);
    const count = (page + 1) * PAGE;
    if (count !== FEW && count !== MANY) continue;
    gc!();
    measured[count] = process.memoryUsage().heapUsed - before;
  }
  return [measured[FEW]!, measured[MANY]!];
}

gc!();
const before = process.memoryUsage().heapUsed;
const [few, many] = memory();

// By turns, as other processes take a part of the time.
const rounds = Array.from({ length: ROUNDS }, () => [timed(() => frames.map((text) => JSON.parse(text))), timed(apply)]);
const [parsing, applying] = [0, 1].map((column) => Math.min(...rounds.map((round) => round[column]!)));
const names = Array.from({ length: CONVERSATIONS }, (_, number) => `conv_${number}`);
const { sent, received } = reconnect();
const reconnecting = Math.min(...rounds.map(() => timed(reconnect)));
const sizes = { frames: sent.length, bytes: sent.join("").length, answers: received.length, answerBytes: received.join("").length };
console.log(JSON.stringify({ parsing, applying, few, many, reconnecting, ...sizes }));
