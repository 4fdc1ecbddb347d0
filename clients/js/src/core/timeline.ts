/** The events of one conversation that a client has: contiguous from a marked start up to its position. */

import type { Json } from "./outputs.ts";

/** How many events are held after a gap. Later ones are dropped; they come again by `sync`. */
const MAX_HELD = 500;

/** Applies events in order, drops known ones, and holds those after a gap. */
export class Timeline {
  events: Json[] = [];
  /** The sequence id of the first event; null before the first page. */
  start: number | null = null;
  /** The sequence id of the last event, or of the one before `start` if there is none. */
  position = 0;
  /** The highest sequence id that the log is known to have. */
  head = 0;
  private _held = new Map<number, Json>();

  get isLoaded(): boolean {
    return this.start !== null;
  }

  /** Whether the log has events after the position. */
  get isBehind(): boolean {
    return this.isLoaded && this.head > this.position;
  }

  /** Begin with the event after a stored position. */
  resumeAfter(position: number): void {
    this.start = position + 1;
    this.position = position;
    this.noteHead(position);
  }

  /**
   * Begin anew with a page of the newest events, and return all events from its marked start. Held events stay:
   * pushes can arrive before the page that precedes them.
   */
  load(first: number, events: readonly Json[], head: number): Json[] {
    this.events = [];
    this.resumeAfter(first - 1);
    this.noteHead(head);
    return this.apply(events);
  }

  noteHead(head: number): void {
    this.head = Math.max(this.head, head);
  }

  /** Add events in any order, and return those that now follow the position. */
  apply(events: readonly Json[]): Json[] {
    const held = this._held;
    const applied: Json[] = [];
    for (const event of events) {
      const number: number = event.sequence_id;
      this.noteHead(number);
      if (this.isLoaded && number === this.position + 1) this._take(event, applied);
      else if (number > this.position && held.size < MAX_HELD && !held.has(number)) held.set(number, event);
    }
    if (this.isLoaded && held.size) {
      for (let event; (event = held.get(this.position + 1)); ) this._take(event, applied);
      for (const number of held.keys()) if (number <= this.position) held.delete(number);
    }
    return applied;
  }

  /** Move the start back to the first of older events, which are contiguous up to it. */
  prepend(events: readonly Json[]): void {
    this.events = [...events, ...this.events];
    this.start = (this.start ?? 1) - events.length;
  }

  /** Drop events before a sequence id: the start moves forward. */
  trim(start: number): void {
    this.events.splice(0, start - (this.start ?? start));
    this.start = start;
  }

  private _take(event: Json, applied: Json[]): void {
    this.position++;
    this.events.push(event);
    applied.push(event);
  }
}
