/**
 * The client without sockets, clock and storage: inputs are method calls, outputs are taken by `outputs`.
 *
 * Each input has the wall-clock time in milliseconds. After each input, the driver carries out the outputs in their
 * order and calls `advance` after `nextTimer` milliseconds at the latest.
 */

import { Clock } from "./clock.ts";
import { Connection } from "./connection.ts";
import { Context, historyNumber, type Random } from "./context.ts";
import { POSITION_KEY } from "./followed.ts";
import { ITEM_KEY, type Item } from "./items.ts";
import { Outbox } from "./outbox.ts";
import type { RoomState } from "./listed.ts";
import { ReadMark } from "./marks.ts";
import type { Json, Output, Sent, Status } from "./outputs.ts";
import type { Participant } from "./people.ts";
import { ANSWER_TIMEOUT, RepeatedRequest, retryAfter } from "./retries.ts";
import { Subscription } from "./subscription.ts";
import { asMessage, type Message, type Refusal } from "./view.ts";

export const HISTORY_KEY = "history";
export const PARTICIPANT_KEY = "participant";
/** How many conversations `hello` and `ping` can name. */
const MAX_LISTED = 100;
/** After how many milliseconds without a keystroke typing ends. */
const TYPING_PAUSE = 5_000;

interface Typing {
  repeatDue: number;
  endDue: number;
}

/** All state of a client: connection, subscriptions, outbox. */
export class Core {
  private readonly _context: Context;
  private readonly _clock = new Clock();
  private readonly _connection: Connection;
  private readonly _outbox: Outbox;
  private readonly _subscriptions = new Map<string, Subscription>();
  /** Returns the heads of the rows of the list, if there is one. */
  private _rowHeads: (() => [string, number][]) | null = null;
  private readonly _feed: RepeatedRequest;
  private readonly _typing = new Map<string, Typing>();
  private _helloId = "";
  /** The read marks of the conversations that are open, and those of closed ones that the server has not acknowledged. */
  private readonly _marks = new Map<string, ReadMark>();
  /** The time before which an event of a conversation that is not followed does not repeat an `unsubscribe`. */
  private _unsubscribeDue = 0;

  /**
   * @param stored - The values of the storage.
   * @param random - Returns a number from 0 to below 1.
   * @param writer - Distinguishes the items of several clients on one storage.
   * @param window - How many of the newest events each view keeps.
   */
  constructor(stored: Record<string, Json>, random: Random, writer = "", window = Infinity) {
    const context = (this._context = new Context(stored, random, window));
    context.historyId = stored[HISTORY_KEY]?.historyId ?? null;
    context.participant = stored[PARTICIPANT_KEY] ?? null;
    this._connection = new Connection(context);
    this._feed = new RepeatedRequest(() => context.send("hello", { feed: true }), random);
    this._outbox = new Outbox(context, writer, (conversationId) => this._subscriptions.get(conversationId)?.seen ?? 0);
    this._outbox.takeOver(itemsOf(stored));
  }

  // The driver

  /** Yield the outputs until there are none; inputs in between may add some. */
  *outputs(): Generator<Output> {
    for (let output; (output = this._context.outputs.shift()); ) yield output;
  }

  /** Return in how many milliseconds to call `advance`, or null if there is nothing to wait for. */
  nextTimer(now: number): number | null {
    const time = this._clock.at(now);
    const due = Math.min(
      this._connection.due,
      this._connection.isOpen ? this._outbox.nextTimer(time) : Infinity,
      ...this._timed().map(({ due }) => due),
      ...[...this._typing.values()].map(({ endDue }) => endDue),
    );
    return due < Infinity ? Math.max(0, Math.ceil(due - time)) : null;
  }

  /** Let timers end. */
  advance(now: number): void {
    const time = this._clock.at(now);
    this._connection.advance(time, () => this._heads());
    this._afterConnectionChange();
    for (const timed of this._timed()) timed.advance(time);
    for (const [conversationId, { endDue }] of this._typing) {
      if (time >= endDue) this.typing(conversationId, false, now);
    }
    this._outbox.advance(time);
    this._finish(time);
  }

  /** End all backoffs and repeat unanswered commands: the network is back, or the device woke up. */
  online(now: number): void {
    const time = this._clock.at(now);
    this._connection.online(time);
    this._outbox.hurry();
    if (this._connection.isOpen) for (const timed of this._timed()) timed.hurry(time);
    this.advance(now);
  }

  /** Connect, and stay connected until `stop`. */
  start(now: number): void {
    this._connection.start(this._clock.at(now));
  }

  /** Close the connection. The outbox keeps its items. */
  stop(now: number): void {
    this._clock.at(now);
    this._connection.stop();
    this._afterConnectionChange();
  }

  tokenReceived(token: string | { ticket: string }, now: number): void {
    this._connection.tokenReceived(token, this._clock.at(now));
    this._afterConnectionChange();
  }

  tokenFailed(now: number): void {
    this._connection.tokenFailed(this._clock.at(now));
  }

  /** Send `hello` with the position in each followed conversation. */
  socketOpened(socket: number, now: number): void {
    const time = this._clock.at(now);
    if (!this._connection.isCurrent(socket)) return;
    this._connection.opened(time);
    const subscribe: Json[] = [];
    const id = (this._helloId = this._context.send("hello", { subscribe, ...(this._rowHeads && { feed: true }) }));
    subscribe.push(...this._followed().slice(0, MAX_LISTED).map((subscription) => subscription.entry(id, time)));
  }

  /**
   * Connect again: the socket is closed, or its handshake was refused, with 401 or another status.
   *
   * @param minimum - How many milliseconds to wait at least; null if a request by HTTP must still give the reason.
   */
  socketClosed(socket: number, now: number, minimum: number | null = 0): void {
    const time = this._clock.at(now);
    if (!this._connection.isCurrent(socket)) return;
    if (minimum === null) return this._connection.refused(time);
    this._connection.lost(time, minimum);
    this._afterConnectionChange();
  }

  /** Apply a frame from the server. */
  receive(socket: number, frame: Json, now: number): void {
    const time = this._clock.at(now);
    if (!this._connection.isCurrent(socket) || !frame.type) return;
    if (!this._acceptHistory(frame, time)) return;
    this._apply(frame, time, now);
    this._context.outputs.push({ kind: "frame", frame });
    this._finish(time);
  }

  /** Apply the answer to `post`: the body of a 200, an error, or null without an answer. */
  batchPosted(requestId: string, body: Json | null, now: number): void {
    const time = this._clock.at(now);
    if (body && !this._acceptHistory(body, time)) return;
    this._outbox.replied({ ...(body ?? { type: "error" }), id: requestId }, time);
    this._finish(time);
  }

  /**
   * Note that another client on the storage has changed a value.
   *
   * @param value - The value that the storage has now, or null.
   * @param sent - Where the item is in the log, if it was deleted for that reason.
   */
  storageChanged(key: string, value: Json | null, sent: Sent | null, now: number): void {
    const { stored } = this._context;
    if (value) stored.set(key, value);
    else stored.delete(key);
    if (!key.startsWith(ITEM_KEY)) return;
    if (value) this._outbox.restore(value as Item);
    else this._outbox.forgotten(key, sent);
    this._lookAgain(now);
  }

  /** Send the outbox, which the storage has now, or leave that to another client on it (null). */
  drain(stored: Record<string, Json> | null, now: number): void {
    this._outbox.isDrainer = stored !== null;
    if (stored) this._outbox.takeOver(itemsOf(stored));
    this._lookAgain(now);
  }

  // The user

  /**
   * Follow a conversation from its newest page, or from the stored position, which is then kept up to date: also for
   * one that is followed already. Throws TypeError for an id that no frame can carry.
   */
  open(conversationId: string, now: number, resume = false): void {
    copied({ conversationId });
    const time = this._clock.at(now);
    const known = this._subscriptions.get(conversationId);
    if (!known || known.isEnded) {
      const { sequenceId, historyId } = this._context.stored.get(POSITION_KEY + conversationId) ?? {};
      const mark = this._marks.get(conversationId) ?? new ReadMark(conversationId, this._context);
      this._marks.set(conversationId, mark);
      const subscription = new Subscription(conversationId, this._context, mark, resume);
      this._subscriptions.set(conversationId, subscription);
      if (resume && historyId === this._context.historyId && sequenceId !== undefined) subscription.resumeAfter(sequenceId);
      if (this._connection.isOpen) subscription.start(time);
    } else if (resume) known.keepPosition();
  }

  /** Receive the activity of all conversations; `heads` returns those of the shown rows, to name in pings. */
  feed(heads: () => [string, number][], now: number): void {
    this._rowHeads = heads;
    if (this._connection.isGreeted) this._feed.start(this._clock.at(now));
  }

  /** Stop following a conversation. Its unconfirmed read mark is sent now, or by the next connection. */
  close(conversationId: string, now: number): void {
    const subscription = this._subscriptions.get(conversationId);
    this._subscriptions.delete(conversationId);
    this._forgetMark(conversationId);
    if (!subscription || subscription.isEnded) return;
    if (!this._connection.isGreeted) return;
    this._marks.get(conversationId)?.sendNow(this._clock.at(now));
    this._context.send("unsubscribe", { conversation_id: conversationId });
  }

  /** Fetch the events before the marked start; return whether there are any. */
  older(conversationId: string, now: number): boolean {
    return this._subscriptions.get(conversationId)?.requestOlder(this._clock.at(now)) ?? false;
  }

  /** Queue a message. Throws TypeError for what no frame can carry. */
  send(conversationId: string, clientMessageId: string, fields: Json, now: number): void {
    const copy = copied(fields);
    this._typing.delete(conversationId); // the message ends it
    this._outbox.addMessage(conversationId, clientMessageId, copy, now);
    this._finish(this._clock.at(now));
  }

  /**
   * Queue an `edit`, `delete`, `react` or `unreact` of a message.
   *
   * @param target - Its sequence id, or its clientMessageId if it is or was pending in this client.
   * @throws RangeError - There was no pending message with this clientMessageId.
   */
  update(conversationId: string, command: string, target: number | string, fields: Json, now: number): void {
    this._outbox.addUpdate(conversationId, command, target, copied(fields), now);
    this._finish(this._clock.at(now));
  }

  /** Send a failed message again, and the later ones that it holds. Throws RangeError if there is no such message. */
  retry(conversationId: string, clientMessageId: string, now: number): void {
    this._outbox.retry(conversationId, clientMessageId);
    this._finish(this._clock.at(now));
  }

  /** Delete a failed message, and send the later ones. */
  discard(conversationId: string, clientMessageId: string, now: number): void {
    this._outbox.discard(conversationId, clientMessageId);
    this._finish(this._clock.at(now));
  }

  /** Move the read mark of the participant, by default to the position. */
  read(conversationId: string, now: number, sequenceId?: number): void {
    const subscription = this._subscriptions.get(conversationId);
    subscription?.read(sequenceId ?? subscription.timeline.position, this._clock.at(now), this._connection.isOpen);
  }

  /** Note a keystroke, or that the text was discarded. A pause ends typing, too. */
  typing(conversationId: string, isTyping: boolean, now: number): void {
    const time = this._clock.at(now);
    const last = this._typing.get(conversationId);
    const isDue = isTyping ? !last || time >= last.repeatDue : !!last;
    if (isDue && this._connection.isOpen) {
      this._context.send("typing", { conversation_id: conversationId, is_typing: isTyping });
    }
    if (!isTyping) this._typing.delete(conversationId);
    else {
      const repeatDue = isDue ? time + this._context.typingExpires / 2 : last!.repeatDue;
      this._typing.set(conversationId, { repeatDue, endDue: time + TYPING_PAUSE });
    }
  }

  get status(): Status {
    return this._connection.state;
  }

  /** Return the messages of the view, then those that are pending or failed. */
  messages(conversationId: string): Message[] {
    const sender = this._context.participant;
    const pending = this._outbox.pending(conversationId).map((item): Message => {
      const { sequenceId, clientMessageId } = item;
      const error = item.error as Refusal | null;
      const status = error ? "failed" : "pending";
      return { ...asMessage({ ...item.fields, sender }), status, error, sequenceId, clientMessageId };
    });
    return [...(this._subscriptions.get(conversationId)?.view.messages() ?? []), ...pending];
  }

  /** Return the state of the view of an open conversation, or nothing before its first page. */
  roomState(conversationId: string): RoomState | undefined {
    const subscription = this._subscriptions.get(conversationId);
    const { start, position, events } = subscription?.timeline ?? {};
    if (!subscription || subscription.isEnded || !start) return;
    const lastMessage = subscription.view.last();
    return { start, position: position!, events: events!, ...this.readState(conversationId), lastMessage };
  }

  /** Return the events of the view: all from its marked start to its position. */
  events(conversationId: string): readonly Json[] {
    return this._subscriptions.get(conversationId)?.timeline.events ?? [];
  }

  participants(conversationId: string): Participant[] {
    return [...(this._subscriptions.get(conversationId)?.people.participants.values() ?? [])];
  }

  typists(conversationId: string): { participantId: string; name: string }[] {
    const others = this._subscriptions.get(conversationId)?.people.typists() ?? [];
    return others.filter(({ participantId }) => participantId !== this._context.me);
  }

  /** Return the last event that the participant has read, and the number of messages of others after it. */
  readState(conversationId: string): { readUpTo: number; unreadCount: number } {
    const { readUpTo = 0, unreadCount = 0 } = this._subscriptions.get(conversationId)?.people ?? {};
    return { readUpTo, unreadCount };
  }

  /** Return the marked start of a view, or null before the first page, and its position. */
  place(conversationId: string): { start: number | null; position: number } {
    return this._subscriptions.get(conversationId)?.timeline ?? { start: null, position: 0 };
  }

  /** The history of all sequence ids. */
  get historyId(): string | null {
    return this._context.historyId;
  }

  /** The participant of the token, once the server has named it. */
  get participant(): Json | null {
    return this._context.participant;
  }

  // Internals

  /** Return all that waits for answers on the connection, besides the outbox. */
  private _timed(): (Subscription | RepeatedRequest)[] {
    return [this._feed, ...this._subscriptions.values(), ...this._marks.values()];
  }

  /** Return the positions to name in pings, a hundred in each. */
  private _heads(): Json[] {
    const heads = this._rowHeads?.() ?? []; // those of open rooms come later, and replace them
    for (const { conversationId, timeline } of this._followed()) heads.push([conversationId, timeline.position]);
    const pings: Json[] = [];
    do pings.push(Object.fromEntries(heads.splice(0, MAX_LISTED)));
    while (heads.length);
    return pings;
  }

  private _followed(): Subscription[] {
    return [...this._subscriptions.values()].filter((subscription) => !subscription.isEnded);
  }

  /** Adopt a newer history; return whether the frame is of the present one. */
  private _acceptHistory(frame: Json, time: number): boolean {
    const named: string[] = [frame, ...(frame.results ?? [])].map((part) => part.history_id).filter(Boolean);
    const newest = named.sort((one, other) => historyNumber(other) - historyNumber(one))[0];
    const known = this.historyId;
    if (newest === undefined || newest === known) return true;
    if (historyNumber(newest) <= historyNumber(known)) return false;
    this._context.historyId = newest;
    this._outbox.historyChanged(known === null);
    if (known !== null) {
      this._forgetPositions(newest);
      for (const subscription of this._followed()) {
        subscription.historyChanged();
        subscription.start(time);
      }
    }
    this._context.save(HISTORY_KEY, { historyId: newest });
    return true;
  }

  /** Forget the places and marks of a former history or participant; another client can have places of the new history. */
  private _forgetPositions(kept?: string): void {
    for (const [conversationId, mark] of this._marks) {
      mark.drop();
      this._forgetMark(conversationId);
    }
    for (const [key, value] of this._context.stored) {
      if (key.startsWith(POSITION_KEY) && value.historyId !== kept) this._context.forget(key);
    }
  }

  /** Forget the mark of a closed conversation if there is none to send. */
  private _forgetMark(conversationId: string): void {
    if (!this._subscriptions.has(conversationId) && !this._marks.get(conversationId)?.wanted) {
      this._marks.delete(conversationId);
    }
  }

  private _apply(frame: Json, time: number, wallTime: number): void {
    switch (frame.type) {
      case "welcome":
        this._welcomed(frame, time, wallTime);
        break;
      case "auth_ok":
        this._connection.planRenewal(frame.expires_at, time, wallTime);
        this._outbox.renewed(time);
        break;
      case "pong":
        this._connection.ponged(frame);
        for (const id in frame.heads) this._subscriptions.get(id)?.noteHead(frame.heads[id], time);
        break;
      case "profile":
        for (const { people } of this._subscriptions.values()) people.pushed(frame, time, 0);
        break;
      case "disconnect":
        this._connection.disconnectedByServer(frame, time);
        this._afterConnectionChange();
        break;
      case "message_ack":
      case "ack":
      case "batch_result":
        this._outbox.replied(frame, time);
        break;
      case "error":
        if (frame.code === "TOKEN_EXPIRED") this._connection.tokenExpired(time);
        if (this._connection.state === "greeting" && frame.id === this._helloId && !frame.conversation_id) {
          this._connection.lost(time, retryAfter(frame));
          this._afterConnectionChange();
        }
        if (frame.id === this._feed.id) this._feed.failed(time, retryAfter(frame));
        else if (!this._outbox.replied(frame, time)) this._applyToSubscription(frame, time);
        break;
      default:
        this._applyToSubscription(frame, time);
    }
  }

  private _applyToSubscription(frame: Json, time: number): void {
    const { conversation_id } = frame;
    const isOfMark = this._marks.get(conversation_id)?.replied(frame, time);
    this._forgetMark(conversation_id);
    const subscription = this._subscriptions.get(conversation_id);
    if (!subscription || subscription.isEnded) {
      // `unsubscribe` is on its way, or lost.
      if (frame.type === "events" && time >= this._unsubscribeDue) {
        this._unsubscribeDue = time + ANSWER_TIMEOUT;
        this._context.send("unsubscribe", { conversation_id });
      }
      return;
    }
    switch (frame.type) {
      case "events":
        subscription.pushed(frame.events, time);
        break;
      case "subscribed":
      case "sync":
        subscription.replied(frame, time);
        break;
      case "conversation_removed":
      case "conversation_deleted":
        subscription.end(frame.type);
        break;
      case "error":
        if (!isOfMark) subscription.failed(frame, time);
        break;
      case "read_ack":
        subscription.mark(frame.read_up_to, frame.unread_count);
        break;
      case "read":
        subscription.readPushed(frame);
        break;
      case "presence":
      case "typing":
        subscription.people.pushed(frame, time, this._context.typingExpires);
    }
  }

  private _welcomed(frame: Json, time: number, wallTime: number): void {
    const { participant } = frame;
    const context = this._context;
    const known = context.participant;
    if (known && known.participant_id !== participant.participant_id) {
      this._outbox.purge();
      this._forgetPositions();
    }
    if (JSON.stringify(known) !== JSON.stringify(participant)) {
      context.participant = participant;
      context.save(PARTICIPANT_KEY, participant);
    }
    context.frameBytes = frame.limits?.frame_bytes ?? context.frameBytes;
    context.typingExpires = frame.typing_expires * 1_000 || context.typingExpires;
    this._connection.welcomed(frame, time);
    this._connection.planRenewal(frame.expires_at, time, wallTime);
    if (frame.id === this._feed.id) this._feed.answered();
    for (const subscription of this._followed()) subscription.connected(time);
    for (const mark of this._marks.values()) mark.sendNow(time);
  }

  private _afterConnectionChange(): void {
    if (this._connection.isGreeted) return;
    this._feed.plan();
    this._outbox.disconnected();
    this._typing.clear();
    for (const subscription of this._subscriptions.values()) subscription.disconnected();
    for (const mark of this._marks.values()) mark.plan();
  }

  /** Compare the outbox with the view, and send the items that may be sent. */
  private _finish(time: number): void {
    this._resolveByView(time);
    if (this._connection.isOpen) this._outbox.flush(time);
  }

  /** Look for items of other clients in the view: an event can precede the news of its item. */
  private _lookAgain(now: number): void {
    const time = this._clock.at(now);
    for (const { conversationId, timeline } of this._subscriptions.values()) {
      this._outbox.seen(conversationId, timeline.events, time);
    }
    this._finish(time);
  }

  private _resolveByView(time: number): void {
    for (const subscription of this._subscriptions.values()) {
      const { conversationId, people } = subscription;
      this._outbox.seen(conversationId, subscription.takeNewEvents(), time);
      if (people.isChanged) this._context.notify("people", conversationId);
      people.isChanged = false;
    }
    for (const conversationId of this._outbox.conversations()) {
      const followed = this._subscriptions.get(conversationId);
      this._outbox.shown(conversationId, followed ? followed.timeline.position : null);
    }
  }
}

const itemsOf = (stored: Record<string, Json>): Item[] =>
  Object.keys(stored).filter((key) => key.startsWith(ITEM_KEY)).map((key) => stored[key] as Item);

/**
 * Return a copy of fields, which no caller can change: all attempts have the same body.
 *
 * @throws TypeError - They are not JSON, contain a lone surrogate, or have more than 60 levels: the server reads 64, of
 *   which a batch has some, and its error would not name the command, which would be repeated for ever.
 */
function copied(fields: Json): Json {
  const text = JSON.stringify(fields, null, 1); // each level is indented by a blank, and lone surrogates are escaped
  if (/^ {61}|\\ud/m.test(text.replace(/\\\\/g, ""))) throw new TypeError("a field has more than 60 levels, or half of a character");
  return JSON.parse(text);
}
