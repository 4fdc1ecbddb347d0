/** Counts the milliseconds by which the wall clock advances; a jump back counts as none. */
export class Clock {
  private _time = 0;
  private _last: number | null = null;

  /** Return the time of the core at a wall-clock time. */
  at(wallTime: number): number {
    this._time += Math.max(0, wallTime - (this._last ?? wallTime));
    this._last = wallTime;
    return this._time;
  }
}
