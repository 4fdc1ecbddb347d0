/** Judges all notifications of a client against the logs of the server: L9. */

import assert from "node:assert/strict";

import type { Core } from "../../../clients/js/src/core/client.ts";
import type { Json, Output } from "../../../clients/js/src/core/outputs.ts";
import type { SimulatedServer } from "./simulated_server.ts";

/** The actions of the user, in all tabs. */
export class Sends {
  /** By conversation and tab: the ids of messages in the order of the user's sends. */
  sent = new Map<string, string[]>();
  /** By id: the numbers of the histories in which its send was resolved. */
  resolvedIn = new Map<string, Set<number>>();
  discarded = new Set<string>();

  of(conversationId: string, tab: number): string[] {
    const name = `${conversationId}/${tab}`;
    if (!this.sent.has(name)) this.sent.set(name, []);
    return this.sent.get(name)!;
  }
}

/** Follows the notifications of one tab as a user interface does. */
export class Judge {
  shown = new Map<string, Json[]>();
  private readonly _historyOf = new Map<string, string>();

  constructor(
    private readonly _server: SimulatedServer,
    private readonly _sends: Sends,
    private readonly _tab: number,
  ) {}

  /** The process ended: nothing is shown. */
  restarted(): void {
    this.shown.clear();
  }

  /** Apply a notification, and compare the shown events with the log. */
  notify(output: Output): void {
    switch (output.kind) {
      case "replaced":
        this.shown.set(output.conversationId, [...output.events]);
        this._historyOf.set(output.conversationId, output.historyId);
        assert.equal(output.events[0]?.sequence_id ?? output.start, output.start);
        break;
      case "appended":
        this.shown.get(output.conversationId)!.push(...output.events);
        break;
      case "prepended":
        this.shown.get(output.conversationId)!.unshift(...output.events);
        break;
      case "trimmed": {
        const shown = this.shown.get(output.conversationId)!;
        shown.splice(0, output.start - shown[0]!.sequence_id);
        break;
      }
      case "discarded":
        this.shown.set(output.conversationId, []);
        break;
      case "resolved":
        this._resolved(output.conversationId, output.clientMessageId, output.sequenceId, output.historyId);
        return;
      case "refused":
        assert.ok(!/^(UNAVAILABLE|RATE_LIMITED|TOKEN_EXPIRED|NOT_ATTEMPTED)$/.test(output.error.code));
        return;
      default:
        return;
    }
    this._compare(output.conversationId);
  }

  /** Compare the state of a client, between two inputs, with the notifications and the sends. */
  check(client: Core, conversations: readonly string[]): void {
    for (const conversationId of conversations) {
      assert.deepEqual(client.events(conversationId), this.shown.get(conversationId) ?? []);
      this._checkUnresolved(client, conversationId);
      this._checkLog(conversationId);
    }
  }

  /** Check that each send is in the log at most once, in its order, and not again in a later history. */
  private _checkLog(conversationId: string): void {
    const { discarded, resolvedIn } = this._sends;
    const log = this._server.log(conversationId).filter((event) => event.client_message_id);
    const logged: string[] = log.map((event) => event.client_message_id);
    assert.equal(new Set(logged).size, logged.length, "in the log twice");
    const sent = this._sends.of(conversationId, this._tab);
    const own = new Set(sent);
    const kept = logged.filter((key) => own.has(key) && !discarded.has(key));
    const expected = new Set(kept);
    assert.deepEqual(kept, sent.filter((key) => expected.has(key)), "in another order");
    for (const event of log) {
      const histories = [...(resolvedIn.get(event.client_message_id) ?? [])];
      const isNew = histories.length > 0 && event.made_in > Math.min(...histories);
      assert.ok(!isNew || histories.includes(event.made_in), `${event.client_message_id} was sent again into a later history`);
    }
  }

  private _compare(conversationId: string): void {
    const events = this.shown.get(conversationId)!;
    if (!events.length) return;
    const log = this._server.log(conversationId, this._historyOf.get(conversationId));
    const start = events[0]!.sequence_id - 1;
    assert.deepEqual(events, log.slice(start, start + events.length), "not the log from the marked start");
  }

  private _resolved(conversationId: string, key: string, sequenceId: number, historyId: string | null): void {
    const event = this._server.log(conversationId, historyId!)[sequenceId - 1]!;
    assert.equal(event.client_message_id, key);
    const histories = this._sends.resolvedIn.get(key) ?? new Set();
    this._sends.resolvedIn.set(key, histories.add(parseInt(historyId!)));
  }

  private _checkUnresolved(client: Core, conversationId: string): void {
    const messages = client.messages(conversationId).filter((message) => message.clientMessageId);
    const shown = new Map(messages.map((message) => [message.clientMessageId!, message.status]));
    assert.equal(shown.size, messages.length, "shown twice");
    for (const key of this._sends.of(conversationId, this._tab)) {
      if (this._sends.resolvedIn.has(key) || this._sends.discarded.has(key)) continue;
      assert.match(shown.get(key) ?? "not shown", /^(pending|failed)$/);
    }
  }
}
