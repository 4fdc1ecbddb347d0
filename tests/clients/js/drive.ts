/** Helpers of tests that give a client single inputs and look at its outputs. */

import { Core } from "../../../clients/js/src/core/client.ts";
import type { Json, Output } from "../../../clients/js/src/core/outputs.ts";

export const NOW = 1_800_000_000_000;
export const HISTORY = "1.conversations";
export const SOCKET = 1;
/** Its token expires 3,600 seconds after NOW. */
export const WELCOME: Json = {
  type: "welcome",
  history_id: HISTORY,
  participant: { participant_id: "alice", name: "Alice", type: "human" },
  ping_interval: 240,
  typing_expires: 6,
  expires_at: "2027-01-15T09:00:00.000Z",
  limits: { frame_bytes: 32_768 },
};

export const newClient = (stored: Record<string, Json> = {}, jitter = 0.5, writer = "", window = Infinity): Core =>
  new Core(stored, () => jitter, writer, window);

type Kind = Output["kind"];

/** Take all outputs, and return those of one kind. */
export const take = <K extends Kind>(client: Core, kind: K): Extract<Output, { kind: K }>[] =>
  [...client.outputs()].filter((output): output is Extract<Output, { kind: K }> => output.kind === kind);

/** Take all outputs, and return the frames of one type, or all. */
export const frames = (client: Core, type?: string): Json[] =>
  take(client, "send")
    .map(({ frame }) => frame)
    .filter((frame) => type === undefined || frame.type === type);

/** Take all outputs, and return the only frame of a type. */
export function frame(client: Core, type?: string): Json {
  const found = frames(client, type);
  if (found.length !== 1) throw new Error(`expected one frame, found ${JSON.stringify(found)}`);
  return found[0]!;
}

/** Open a connection; nothing of it remains among the outputs. */
export function connect(client: Core, welcome: Json = {}): void {
  client.start(NOW);
  client.tokenReceived("token", NOW);
  client.socketOpened(SOCKET, NOW);
  client.receive(SOCKET, { ...WELCOME, ...welcome }, NOW);
}

export function connected(welcome: Json = {}): Core {
  const client = newClient();
  connect(client, welcome);
  clear(client);
  return client;
}

export const clear = (client: Core): Output[] => [...client.outputs()];

export const error = (command: Json, code: string, fields: Json = {}): Json => ({
  type: "error",
  id: command.id,
  code,
  message: code,
  ...fields,
});

export const event = (sequence_id: number, type = "message", fields: Json = {}): Json => ({
  sequence_id,
  type,
  created_at: `at ${sequence_id}`,
  sender: { participant_id: "bob", name: "Bob" },
  ...(type === "message" ? { content: `text ${sequence_id}` } : {}),
  ...fields,
});

/** Return a page of messages as the answer to a request. */
export function page(request: Json, first: number, last: number, head: number, fields: Json = {}): Json {
  const events = Array.from({ length: last - first + 1 }, (_, index) => event(first + index));
  const type = request.type === "subscribe" ? "subscribed" : "sync";
  const common = { conversation_id: "conv_a", has_more: false, head, events, history_id: HISTORY };
  return { type, id: request.id, ...common, ...fields };
}

export const push = (numbers: number[], history_id = HISTORY): Json => ({
  type: "events",
  history_id,
  conversation_id: "conv_a",
  events: numbers.map((number) => event(number)),
});

/** Return a client whose view has these events. */
export function followed(first = 1, last = 3, fields: Json = {}): Core {
  const client = connected();
  client.open("conv_a", NOW);
  client.receive(SOCKET, page(frame(client, "subscribe"), first, last, last, fields), NOW);
  clear(client);
  return client;
}

export const numbers = (client: Core): number[] => client.events("conv_a").map((shown) => shown.sequence_id);

export const statuses = (client: Core, conversationId = "conv_a"): Json =>
  Object.fromEntries(
    client.messages(conversationId).map(({ clientMessageId, status }) => [clientMessageId ?? "", status]),
  );
