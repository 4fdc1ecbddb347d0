/** The subscription of one conversation: keeps its timeline at the head of the log. */

import { type Context, isRefusal } from "./context.ts";
import type { ReadMark } from "./marks.ts";
import type { Json, Notification } from "./outputs.ts";
import { People } from "./people.ts";
import { RepeatedRequest, retryAfter } from "./retries.ts";
import { Timeline } from "./timeline.ts";
import { View } from "./view.ts";

/** How many milliseconds a gap may stay open before `sync`: pushes overtake each other. */
const GAP_PATIENCE = 250;
/** How many missed events are fetched. After more of them, the view begins anew at the newest page. */
const MAX_CATCH_UP = 500;
const OLDER_EVENTS = 50;
/** How many events more than the window are kept, so that few are dropped one by one. */
const WINDOW_SLACK = 100;
export const POSITION_KEY = "position/";

interface OlderPage {
  after: number;
  events: Json[];
}

/** The last sequence id that the page has so far. */
const reachedBy = (page: OlderPage): number => page.events.at(-1)?.sequence_id ?? page.after;

/** Subscribes, fills gaps by `sync`, and fetches older events; at most one request of each kind at a time. */
export class Subscription {
  timeline = new Timeline();
  view = new View();
  readonly people = new People();
  isEnded = false;
  private _isSubscribed = false;
  private _askedAfter: number | null = null;
  /** Until when a gap may stay open. */
  private _gapDue = Infinity;
  private _older: OlderPage | null = null;
  private _taken: Json[] = [];
  /** Whether the user has fetched older events, which stay. */
  private _isExtended = false;
  private readonly _request: RepeatedRequest;
  private readonly _olderRequest: RepeatedRequest;
  private readonly _requests: readonly RepeatedRequest[];

  constructor(
    readonly conversationId: string,
    private readonly _context: Context,
    private readonly _readMark: ReadMark,
    private _savesPosition: boolean,
  ) {
    this.people.readUpTo = _readMark.wanted; // of a former subscription
    const repeated = (send: () => string) => new RepeatedRequest(send, _context.random);
    this._requests = [
      (this._request = repeated(() => this._sendRequest())),
      (this._olderRequest = repeated(() => this._send("sync", { after: reachedBy(this._older!) }))),
    ];
  }

  /** Begin after a stored position instead of at the newest page. */
  resume(position: number): void {
    this.timeline.resume(position);
    this._replaced([]);
  }

  /** Save the position from now on. */
  keepPosition(): void {
    this._savesPosition = true;
    if (this.timeline.isLoaded) this._savePosition();
  }

  /** Return the entry for the list of `hello`, whose answer has this id. */
  entry(frameId: string, now: number): Json {
    this._request.sentAs(frameId, now);
    return { conversation_id: this.conversationId, ...this._after() };
  }

  /** Subscribe on an open connection. */
  start(now: number): void {
    this._request.start(now);
  }

  /** Ask for what `hello` did not name, and again for what the former connection did not answer. */
  connected(now: number): void {
    if (!this._isSubscribed && !this._request.isRunning) this._request.start(now);
    if (this._older) this._olderRequest.start(now);
  }

  /** Await nothing more: the next connection subscribes again. */
  disconnected(): void {
    this._isSubscribed = false;
    this._gapDue = Infinity;
    for (const request of this._requests) request.plan();
    this.people.disconnected();
  }

  /** Discard all events; `start` subscribes again. */
  historyChanged(): void {
    const wasLoaded = this.timeline.isLoaded;
    this.timeline = new Timeline();
    this._beginAnew();
    this.people.readUpTo = 0;
    if (wasLoaded) this._notify("discarded");
  }

  /** Stop following the conversation. */
  end(code: string): void {
    this.disconnected();
    this.isEnded = true;
    this._older = null;
    this._readMark.drop();
    this._notify("ended", { code });
  }

  /** Return the events that came into the view since the last call. */
  takeNewEvents(): Json[] {
    return this._taken.splice(0);
  }

  /** Fetch the events before the marked start; return whether there are any. */
  requestOlder(now: number): boolean {
    const { start } = this.timeline;
    if (start === null || start <= 1 || this.isEnded) return false;
    if (!this._older) {
      this._older = { after: Math.max(0, start - 1 - OLDER_EVENTS), events: [] };
      if (this._isSubscribed) this._olderRequest.start(now);
    }
    return true;
  }

  /** Move the read mark up to an event; the marks of a moment are sent as one. */
  read(sequenceId: number, now: number, isOpen: boolean): void {
    if (sequenceId <= this.people.readUpTo) return;
    this.mark(sequenceId);
    this._readMark.want(sequenceId, now, isOpen);
  }

  /** The last event that the user has read, as far as it is in the view. */
  get seen(): number {
    return Math.min(this.people.readUpTo, this.timeline.position);
  }

  /** Apply a `read` of any participant; the own one comes from another device. */
  readPushed(frame: Json): void {
    this.people.pushed(frame, 0, 0);
    if (frame.participant_id === this._context.me) this.mark(frame.sequence_id, frame.unread_count);
  }

  /** Move the own read mark forward. The messages after it are counted here, or by the server if the view begins later. */
  mark(sequenceId: number, unreadCount?: number): void {
    if (sequenceId < this.people.readUpTo) return;
    const isUnread = (event: Json) =>
      event.sequence_id > sequenceId && event.type === "message" && event.sender.participant_id !== this._context.me;
    const { start, events } = this.timeline;
    const isBefore = unreadCount !== undefined && sequenceId + 1 < start!;
    this.people.read(sequenceId, isBefore ? unreadCount : events.filter(isUnread).length);
  }

  /** Apply pushed events. */
  pushed(events: readonly Json[], now: number): void {
    this._apply(events);
    this._settle(now);
  }

  /** React to the head of a `pong`: a higher one shows that a push was lost. */
  noteHead(head: number, now: number): void {
    this.timeline.noteHead(head);
    if (this.timeline.isBehind && !this._request.isRunning && this._isSubscribed) this._request.start(now);
  }

  /** Apply a `subscribed` or a `sync`. */
  replied(frame: Json, now: number): void {
    if (frame.id === this._request.id) {
      this._request.answered();
      this._isSubscribed = true;
      this._gapDue = Infinity;
      const before = this.timeline.position;
      this._takePage(frame);
      const { start, events } = this.timeline;
      this.people.loaded(frame, events.slice(Math.max(0, frame.head + 1 - start!)), this._context.me);
      if (frame.read_up_to < this.people.readUpTo) this.mark(this.people.readUpTo, frame.unread_count);
      this._settle(now, !!frame.has_more && this.timeline.position > before);
      if (this._older && !this._olderRequest.isRunning) this._olderRequest.start(now);
    } else if (this._older && frame.id === this._olderRequest.id) {
      this._takeOlder(frame, now);
    } else if (!frame.reset) {
      this.timeline.noteHead(frame.head); // late or doubled, but its events are those of the log
      this.pushed(frame.events, now);
    }
  }

  /** React to an error: repeat the request unless the error is final. */
  failed(error: Json, now: number): void {
    if (error.id === this._olderRequest.id) this._olderRequest.failed(now, retryAfter(error));
    else if (error.id === this._request.id) {
      if (isRefusal(error)) this.end(error.code);
      else this._request.failed(now, retryAfter(error));
    }
  }

  /** Repeat requests without an answer at once. */
  hurry(now: number): void {
    for (const request of this._requests) request.hurry(now);
    this.noteHead(this.timeline.head, now);
  }

  get due(): number {
    return Math.min(this._gapDue, this.people.due, ...this._requests.map(({ due }) => due));
  }

  /** Let timers end. */
  advance(now: number): void {
    for (const request of this._requests) request.advance(now);
    this.people.advance(now);
    if (now < this._gapDue) return;
    this._gapDue = Infinity;
    if (!this._request.isRunning) this._request.start(now);
  }

  private _notify(kind: Notification["kind"], fields?: object): void {
    this._context.notify(kind, this.conversationId, fields);
  }

  private _send(type: string, fields: Json): string {
    return this._context.send(type, { conversation_id: this.conversationId, ...fields });
  }

  /** Return the position to subscribe from, or nothing for the newest page. */
  private _after(): Json {
    const { head, position, isLoaded } = this.timeline;
    this._askedAfter = isLoaded && head - position <= MAX_CATCH_UP ? position : null;
    return this._askedAfter === null ? {} : { after: this._askedAfter };
  }

  private _sendRequest(): string {
    const after = this._after();
    return this._send(this._isSubscribed && "after" in after ? "sync" : "subscribe", after);
  }

  private _takePage(frame: Json): void {
    const { events, head, reset } = frame;
    if (reset) this.timeline = new Timeline();
    const { timeline } = this;
    const first: number = events[0]?.sequence_id ?? head + 1;
    const isConnected = timeline.isLoaded && first <= timeline.position + 1;
    if (isConnected || (this._askedAfter !== null && !reset)) {
      timeline.noteHead(head);
      this._apply(events);
    } else {
      this._beginAnew();
      this._replaced(timeline.load(first, events, head));
      this._savePosition();
    }
  }

  private _beginAnew(): void {
    this.view = new View();
    this._isExtended = false;
    this._taken = [];
    this._older = null;
    this._gapDue = Infinity;
    this._request.plan();
    this._olderRequest.plan();
  }

  private _takeOlder(frame: Json, now: number): void {
    this._olderRequest.answered();
    const older = this._older!;
    const { start } = this.timeline;
    if (frame.reset || start === null) {
      this._older = null;
      return;
    }
    const last = reachedBy(older);
    older.events.push(...frame.events.filter((e: Json) => last < e.sequence_id && e.sequence_id < start));
    const reached = reachedBy(older);
    if (reached < start - 1) {
      if (reached > last) this._olderRequest.start(now);
      else this._olderRequest.failed(now);
      return;
    }
    const { events } = older;
    this._older = null;
    this._isExtended = true;
    this.timeline.prepend(events);
    this._show("prepended", events);
  }

  private _apply(events: readonly Json[]): void {
    const applied = this.timeline.apply(events);
    if (!applied.length) return;
    for (const event of applied) this.people.applied(event, this._context.me);
    this._show("appended", applied);
    this._savePosition();
    this._trim();
  }

  private _trim(): void {
    const { events, position } = this.timeline;
    const { window } = this._context;
    if (this._isExtended || this._older || events.length <= window + WINDOW_SLACK) return;
    const start = position + 1 - window;
    this.timeline.trim(start);
    this.view.trim(start);
    this._notify("trimmed", { start });
  }

  private _replaced(events: Json[]): void {
    this._show("replaced", events, { historyId: this._context.historyId ?? "", start: this.timeline.start });
  }

  private _show(kind: "replaced" | "prepended" | "appended", events: Json[], fields?: object): void {
    this.view.add(events);
    this._taken.push(...events);
    this._notify(kind, { events, ...fields });
  }

  /** Save the position after its events were notified: a restart repeats events rather than skip them. */
  private _savePosition(): void {
    const { historyId } = this._context;
    if (this._savesPosition) this._context.save(POSITION_KEY + this.conversationId, { sequenceId: this.timeline.position, historyId });
  }

  /** Fetch missing events: at once if the server has more, else if the gap stays open. */
  private _settle(now: number, hasMore = false): void {
    const { timeline } = this;
    if (!timeline.isBehind) this._gapDue = Infinity;
    else if (this._request.isRunning || !this._isSubscribed) return; // its answer comes back here
    else if (hasMore || timeline.head - timeline.position > MAX_CATCH_UP) this._request.start(now);
    else this._gapDue = Math.min(this._gapDue, now + GAP_PATIENCE);
  }
}
