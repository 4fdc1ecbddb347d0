/** The state of a conversation that a client follows: its events, its messages, and its people. */

import type { Context } from "./context.ts";
import type { ReadMark } from "./marks.ts";
import type { Json, Notification } from "./outputs.ts";
import { People } from "./people.ts";
import { Timeline } from "./timeline.ts";
import { View } from "./view.ts";

/** How many events more than the window are kept, so that few are dropped one by one. */
const WINDOW_SLACK = 100;
export const POSITION_KEY = "position/";

interface OlderPage {
  after: number;
  events: Json[];
}

/** Takes in events, notifies of them, and saves the position. */
export class Followed {
  timeline = new Timeline();
  view = new View();
  readonly people = new People();
  /** The older events that the user wants, as far as they are there. */
  protected _older: OlderPage | null = null;
  /** Whether the user has fetched older events, which stay. */
  private _isExtended = false;
  private _taken: Json[] = [];

  constructor(
    readonly conversationId: string,
    protected readonly _context: Context,
    protected readonly _readMark: ReadMark,
    private _savesPosition: boolean,
  ) {
    this.people.readUpTo = _readMark.wanted; // of a former subscription
  }

  /** Begin after a stored position instead of at the newest page. */
  resumeAfter(position: number): void {
    this.timeline.resumeAfter(position);
    this._replaced([]);
  }

  /** Save the position from now on. */
  keepPosition(): void {
    this._savesPosition = true;
    if (this.timeline.isLoaded) this._savePosition();
  }

  /** Return the events that came into the view since the last call. */
  takeNewEvents(): Json[] {
    return this._taken.splice(0);
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

  protected _notify(kind: Notification["kind"], fields?: object): void {
    this._context.notify(kind, this.conversationId, fields);
  }

  protected _apply(events: readonly Json[]): void {
    const applied = this.timeline.apply(events);
    if (!applied.length) return;
    for (const event of applied) this.people.applied(event, this._context.me);
    this._show("appended", applied);
    this._savePosition();
    this._trim();
  }

  /** Begin with other events. */
  protected _beginAnew(): void {
    this.view = new View();
    this._isExtended = false;
    this._taken = [];
    this._older = null;
  }

  /** Put older events before the others; from now on they stay. */
  protected _prepend(events: Json[]): void {
    this._older = null;
    this._isExtended = true;
    this.timeline.prepend(events);
    this._show("prepended", events);
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

  protected _replaced(events: Json[]): void {
    this._show("replaced", events, { historyId: this._context.historyId ?? "", start: this.timeline.start });
  }

  private _show(kind: "replaced" | "prepended" | "appended", events: Json[], fields?: object): void {
    this.view.add(events);
    this._taken.push(...events);
    this._notify(kind, { events, ...fields });
  }

  /** Save the position after its events were notified: a restart repeats events rather than skip them. */
  protected _savePosition(): void {
    const { historyId } = this._context;
    if (this._savesPosition) this._context.save(POSITION_KEY + this.conversationId, { sequenceId: this.timeline.position, historyId });
  }
}
