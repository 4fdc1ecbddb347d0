/** A server of the protocol in memory: logs by history, commands, pushes. It has no faults by itself. */

import type { Json } from "../../../clients/js/src/core/outputs.ts";

const CREATED_AT = "2026-11-29T12:00:00.000Z";
const EXPIRES_AT = "2126-11-29T12:00:00.000Z";
const PAGE = 20;
const ME = { participant_id: "alice", name: "Alice", type: "human" };
const BOB = { participant_id: "bob", name: "Bob", type: "human" };

/** A socket, and a frame to its client. */
export type Addressed = [string, Json];

/** One connection: its subscriptions, and the highest `n` for each conversation. */
interface Session {
  subscribed: Set<string>;
  orders: Map<string, number>;
}

export const newSession = (): Session => ({ subscribed: new Set(), orders: new Map() });

/** Executes one command after the other. */
export class SimulatedServer {
  number = 0;
  histories = new Map<string, Map<string, Json[]>>();
  sessions = new Map<string, Session>();
  isRefusing = false;
  /** How many of the next commands are answered with an error, and with which one. */
  busy = 0;
  busyCode = "UNAVAILABLE";
  private readonly _bodies = new Map<string, string>();

  constructor(conversations: readonly string[]) {
    this.histories.set(this.historyId, new Map(conversations.map((name) => [name, []])));
    for (const name of conversations) {
      this.append(name, { type: "conversation_created", sender: BOB, title: "A", participants: [] });
    }
  }

  get historyId(): string {
    return `${this.number}.conversations`;
  }

  get logs(): Map<string, Json[]> {
    return this.histories.get(this.historyId)!;
  }

  log(conversationId: string, historyId = this.historyId): Json[] {
    return this.histories.get(historyId)!.get(conversationId)!;
  }

  /** Continue from a backup with up to `kept` events of each log, as another history. */
  restore(kept: number): void {
    const logs = [...this.logs].map(([name, log]) => [name, log.slice(0, Math.max(1, kept))] as const);
    this.number++;
    this.histories.set(this.historyId, new Map(logs));
    this.sessions.clear();
  }

  /** Append an event; return the pushes. */
  append(conversation_id: string, event: Json): Addressed[] {
    const log = this.log(conversation_id);
    const identity = { conversation_id, sequence_id: log.length + 1, created_at: CREATED_AT };
    log.push({ ...event, ...identity, made_in: this.number });
    const push = this._frame("events", { conversation_id, events: [log.at(-1)] });
    const subscribed = [...this.sessions].filter(([, session]) => session.subscribed.has(conversation_id));
    return subscribed.map(([socket]) => [socket, push]);
  }

  /** Execute a command of a connection; return the replies and pushes. A closed one gets none. */
  execute(socket: string, command: Json): Addressed[] {
    const [replies, pushes] = this._execute(this.sessions.get(socket) ?? newSession(), command);
    const answered = replies.map((reply): Addressed => [socket, { id: command.id, ...reply }]);
    return [...answered, ...pushes].filter(([receiver]) => this.sessions.has(receiver));
  }

  private _execute(session: Session, command: Json): [Json[], Addressed[]] {
    const { history_id, n } = command;
    switch (command.type) {
      case "hello":
        return [[this._welcome(), ...command.subscribe.map((e: Json) => this._subscribe(session, { ...e, n, history_id }))], []];
      case "subscribe":
        return [[this._subscribe(session, command)], []];
      case "unsubscribe":
        session.subscribed.delete(command.conversation_id);
        return [[this._frame("unsubscribed", { conversation_id: command.conversation_id })], []];
      case "sync":
        return [[this._page("sync", command)], []];
      case "ping": {
        const known = Object.keys(command.heads).map((name) => [name, this.log(name).length]);
        return [[this._frame("pong", { server_time: CREATED_AT, heads: Object.fromEntries(known) })], []];
      }
      case "auth":
        return [[{ type: "auth_ok", expires_at: EXPIRES_AT }], []];
      case "batch":
        return this._batch(command);
      default: {
        const [reply, pushes] = this._append(command);
        return [[reply], pushes];
      }
    }
  }

  private _frame(type: string, fields: Json): Json {
    return { type, history_id: this.historyId, ...fields };
  }

  private _welcome(): Json {
    const timing = { ping_interval: 5, typing_expires: 6, expires_at: EXPIRES_AT };
    return this._frame("welcome", { participant: ME, protocol: 1, limits: { frame_bytes: 32_768 }, ...timing });
  }

  private _error(command: Json, code: string, retryable: boolean): Json {
    const error = { type: "error", code, message: code, retryable, ...(retryable ? { retry_after: 1 } : {}) };
    return { ...error, ...this._correlation(command) };
  }

  private _correlation({ id, conversation_id, client_message_id }: Json): Json {
    return { id, conversation_id, ...(client_message_id ? { client_message_id } : {}) };
  }

  private _subscribe(session: Session, command: Json): Json {
    const { conversation_id, n } = command;
    if (n < (session.orders.get(conversation_id) ?? -1)) return this._frame("superseded", { conversation_id });
    session.orders.set(conversation_id, n);
    session.subscribed.add(conversation_id);
    return this._page("subscribed", command);
  }

  private _page(type: string, { conversation_id, after, history_id }: Json): Json {
    const log = this.log(conversation_id);
    const named = history_id ?? this.historyId;
    const isVoid = after !== undefined && (named !== this.historyId || after > log.length);
    const isNewest = after === undefined || isVoid;
    const events = isNewest ? log.slice(-PAGE) : log.slice(after, after + PAGE);
    const has_more = isNewest ? log.length > PAGE : log.length > after + PAGE;
    const read = { read_up_to: 0, unread_count: 0, participants: [ME, BOB] };
    const reply = this._frame(type, { conversation_id, head: log.length, events, has_more, ...read });
    return isVoid ? { ...reply, reset: true } : reply;
  }

  private _batch({ commands }: Json): [Json[], Addressed[]] {
    const failed = new Set<string>();
    const pushes: Addressed[] = [];
    const results = commands.map((part: Json) => {
      if (failed.has(part.conversation_id)) return this._error(part, "NOT_ATTEMPTED", true);
      const [reply, pushed] = this._append(part);
      if (reply.type === "error") failed.add(part.conversation_id);
      pushes.push(...pushed);
      return { id: part.id, ...reply };
    });
    return [[this._frame("batch_result", { results })], pushes];
  }

  private _append(command: Json): [Json, Addressed[]] {
    const { conversation_id, client_message_id, content, type } = command;
    if (this.busy) {
      this.busy--;
      return [this._error(command, this.busyCode, this.busyCode !== "TOKEN_EXPIRED"), []];
    }
    if (type !== "message") return this._update(command);
    const body = this._bodies.get(client_message_id) ?? content;
    if (body !== content) throw new Error("another body under a known id would never reach the log");
    this._bodies.set(client_message_id, body);
    const log = this.log(conversation_id);
    const known = log.find((event) => event.client_message_id === client_message_id);
    if (known) return [this._ack(command, known.sequence_id, true), []];
    if (this.isRefusing) return [this._error(command, "MUTED", false), []];
    const pushes = this.append(conversation_id, { type, sender: ME, client_message_id, content });
    return [this._ack(command, log.length, false), pushes];
  }

  private _ack(command: Json, sequence_id: number, duplicate: boolean): Json {
    return { ...this._frame("message_ack", { sequence_id, duplicate }), ...this._correlation(command) };
  }

  private _update(command: Json): [Json, Addressed[]] {
    const { conversation_id, target, content, emoji } = command;
    const log = this.log(conversation_id);
    if (log[target - 1]?.type !== "message") return [this._error(command, "VALIDATION_FAILED", false), []];
    const types: Json = { edit: "message_edited", delete: "message_deleted", react: "reaction_added" };
    const fields = { ...(content ? { content } : {}), ...(emoji ? { emoji } : {}) };
    const event = { type: types[command.type] ?? "reaction_removed", sender: ME, target, ...fields };
    const pushes = this.append(conversation_id, event);
    return [this._frame("ack", { conversation_id, sequence_id: log.length }), pushes];
  }
}
