/** The subscription of one conversation: keeps its timeline at the head of the log. */

import { isRefusal } from "./context.ts";
import { Followed } from "./followed.ts";
import type { Json } from "./outputs.ts";
import { RepeatedRequest, retryAfter } from "./retries.ts";
import { Timeline } from "./timeline.ts";

/** How many milliseconds a gap may stay open before `sync`: pushes overtake each other. */
const GAP_PATIENCE = 250;
/** How many missed events are fetched. After more of them, the view begins anew at the newest page. */
const MAX_CATCH_UP = 500;
const OLDER_EVENTS = 50;

/** Subscribes, fills gaps by `sync`, and fetches older events; at most one request of each kind at a time. */
export class Subscription extends Followed {
  isEnded = false;
  private _isSubscribed = false;
  private _askedAfter: number | null = null;
  /** Until when a gap may stay open. */
  private _gapDue = Infinity;
  private readonly _request = new RepeatedRequest(() => this._sendRequest(), this._context.random);
  private readonly _olderRequest = new RepeatedRequest(
    () => this._send("sync", { after: this._reached() }),
    this._context.random,
  );
  private readonly _requests = [this._request, this._olderRequest];

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

  protected override _beginAnew(): void {
    super._beginAnew();
    this._gapDue = Infinity;
    this._request.plan();
    this._olderRequest.plan();
  }

  /** Return the last sequence id that the older events have so far. */
  private _reached(): number {
    const { events, after } = this._older!;
    return events.at(-1)?.sequence_id ?? after;
  }

  private _takeOlder(frame: Json, now: number): void {
    this._olderRequest.answered();
    const { start } = this.timeline;
    if (frame.reset || start === null) {
      this._older = null;
      return;
    }
    const last = this._reached();
    const { events } = this._older!;
    events.push(...frame.events.filter((e: Json) => last < e.sequence_id && e.sequence_id < start));
    const reached = this._reached();
    if (reached < start - 1) {
      if (reached > last) this._olderRequest.start(now);
      else this._olderRequest.failed(now);
      return;
    }
    this._prepend(events);
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
