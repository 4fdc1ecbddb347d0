/**
 * Decides which rows of a long list are in the document, and keeps the visible ones where they are.
 *
 * The rows above and below those in the document are replaced by padding, of their measured or estimated heights. The
 * place is kept by an anchor: a row near the top of the viewport and its distance from there, or the end of the list.
 * Whenever rows are added, removed or change their height, the scroll position is set so that the anchor stays, before
 * the browser paints.
 */

const OVERSCAN = 900;
/** The list is rendered again if fewer pixels than these are left in a direction. */
const MARGIN = 350;
/** Within this distance of the end the list follows new rows. */
const END_DISTANCE = 24;
/** The heights of at most this many rows are kept that are not in the list any more. */
const MAX_REMOVED = 500;

interface Anchor {
  key: string;
  index: number;
  /** How far the viewport begins below the top of the row. */
  offset: number;
}

export interface ScrollerHost {
  /** The range of rows changed: render again. */
  rangeChanged(): void;
  /** The user or the list has scrolled, or rows became visible. */
  scrolled(): void;
}

export class VirtualScroller {
  isAtEnd = true;
  first = 0;
  last = 0;
  private viewport: HTMLElement | null = null;
  private rows: HTMLElement | null = null;
  private keys: readonly string[] = [];
  private readonly heights = new Map<string, number>();
  private tops = new Float64Array(1);
  private anchor: Anchor | null = null;
  private height = 600;
  /** The scroll position that was seen or set last: another one is a movement of the user. */
  private position = 0;
  private readonly observer: ResizeObserver;
  private observed = new Set<Element>();

  constructor(
    private readonly host: ScrollerHost,
    private readonly estimate: (index: number, width: number) => number,
  ) {
    this.observer = new ResizeObserver(() => {
      if (this.viewport?.clientHeight === this.height) this.follow();
      this.settle();
    });
  }

  /** Begin with the elements: the viewport scrolls, and `rows` contains one child for each row. */
  attach(viewport: HTMLElement, rows: HTMLElement): () => void {
    this.viewport = viewport;
    this.rows = rows;
    [this.height, this.position] = [viewport.clientHeight, viewport.scrollTop];
    const scrolled = () => {
      this.follow();
      if (!this.covers(viewport.scrollTop - this.headHeight())) this.host.rangeChanged();
      this.host.scrolled();
    };
    viewport.addEventListener("scroll", scrolled, { passive: true });
    this.observer.observe(viewport);
    for (const child of viewport.children) if (child !== rows) this.observer.observe(child);
    return () => {
      viewport.removeEventListener("scroll", scrolled);
      this.observer.disconnect();
      this.observed.clear();
    };
  }

  /** Take over the rows, and decide which of them to render: those from `first` to before `last`. */
  update(keys: readonly string[]): void {
    this.follow();
    if (keys !== this.keys) {
      let same = 0;
      while (same < keys.length && keys[same] === this.keys[same]) same++;
      this.keys = keys;
      this.layOut(same);
      if (this.heights.size > keys.length + MAX_REMOVED) this.forget();
    }
    this.choose(this.target() - this.headHeight());
  }

  /** Keep a row at a distance from the top of the viewport, from now on. */
  hold(index: number, distance: number): void {
    const key = this.keys[index];
    if (key === undefined) return;
    this.isAtEnd = false;
    this.anchor = { key, index, offset: -distance };
    this.host.rangeChanged();
  }

  /** Move to a row, in the middle of the viewport. */
  reveal(index: number): void {
    this.hold(index, Math.max(0, (this.height - this.heightAt(index)) / 2));
  }

  /** Move a row into the viewport by as little as needed. */
  nudge(index: number): void {
    const { viewport } = this;
    if (!viewport) return;
    const top = this.headHeight() + this.tops[index]! - viewport.scrollTop;
    if (top < 0) this.hold(index, 0);
    else if (top + this.heightAt(index) > this.height) this.hold(index, Math.max(0, this.height - this.heightAt(index)));
  }

  /** Move to the end, and follow new rows. */
  toEnd(): void {
    this.isAtEnd = true;
    this.host.rangeChanged();
  }

  /** Return the index of the last row of which something is visible, or -1 while the list is hidden. */
  lastVisible(): number {
    const { viewport } = this;
    return viewport?.clientHeight ? this.indexAt(viewport.scrollTop + this.height - this.headHeight() - 12) : -1;
  }

  /** Measure the rows in the document, and restore the place. To be called after each rendering. */
  settle(): void {
    const { viewport, rows } = this;
    if (!viewport || !rows || !viewport.clientHeight) return;
    this.height = viewport.clientHeight;
    this.measure(rows);
    rows.style.paddingTop = `${this.tops[this.first] ?? 0}px`;
    rows.style.paddingBottom = `${Math.max(0, this.total - (this.tops[this.last] ?? this.total))}px`;
    const target = Math.max(0, Math.min(this.target(), viewport.scrollHeight - this.height));
    if (Math.abs(viewport.scrollTop - target) >= 1) viewport.scrollTop = target;
    this.position = viewport.scrollTop;
    if (this.last === this.keys.length && this.distanceFromEnd() < END_DISTANCE) this.isAtEnd = true;
    if (!this.covers(viewport.scrollTop - this.headHeight())) this.host.rangeChanged();
    this.host.scrolled();
  }

  private get total(): number {
    return this.tops[this.keys.length] ?? 0;
  }

  /** Take over a movement of the user, also before its event: otherwise it would be undone with the old anchor. */
  private follow(): void {
    const { viewport } = this;
    if (!viewport?.clientHeight || Math.abs(viewport.scrollTop - this.position) < 1) return;
    this.position = viewport.scrollTop;
    const top = this.position - this.headHeight();
    this.isAtEnd = this.distanceFromEnd() < END_DISTANCE;
    const atTop = this.indexAt(top);
    // The first row loses its date and its author when earlier ones come: it is the one below that stays.
    const index = atTop === 0 && (this.tops[1] ?? Infinity) < top + this.height ? 1 : atTop;
    const key = this.keys[index];
    this.anchor = key === undefined ? null : { key, index, offset: top - this.tops[index]! };
  }

  private distanceFromEnd(): number {
    const { scrollHeight, scrollTop, clientHeight } = this.viewport!;
    return scrollHeight - scrollTop - clientHeight;
  }

  /** The height of the elements before the rows. */
  private headHeight(): number {
    return this.rows?.offsetTop ?? 0;
  }

  private heightAt(index: number): number {
    return this.tops[index + 1]! - this.tops[index]!;
  }

  /** Return the scroll position at which the anchor is where it was. */
  private target(): number {
    const index = this.isAtEnd ? -1 : this.anchorIndex();
    if (index < 0) return Math.max(0, this.headHeight() + this.total - this.height) + (this.isAtEnd ? END_DISTANCE : 0);
    return this.headHeight() + this.tops[index]! + this.anchor!.offset;
  }

  private anchorIndex(): number {
    const { anchor, keys } = this;
    if (!anchor) return -1;
    if (keys[anchor.index] !== anchor.key) anchor.index = keys.indexOf(anchor.key);
    return anchor.index;
  }

  /** Compute the distances of the rows from an index on. */
  private layOut(from: number): void {
    const { keys, heights } = this;
    const width = this.viewport?.clientWidth ?? 600;
    const tops = new Float64Array(keys.length + 1);
    tops.set(this.tops.subarray(0, from + 1));
    for (let index = from; index < keys.length; index++) {
      const key = keys[index]!;
      let height = heights.get(key);
      if (height === undefined) heights.set(key, (height = this.estimate(index, width)));
      tops[index + 1] = tops[index]! + height;
    }
    this.tops = tops;
  }

  /** Drop the heights of rows that were removed: the list keeps the newest messages only. */
  private forget(): void {
    const present = new Set(this.keys);
    for (const key of this.heights.keys()) if (!present.has(key)) this.heights.delete(key);
  }

  /** Return the index of the row at a distance from the first one. */
  private indexAt(top: number): number {
    let low = 0;
    let high = this.keys.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.tops[middle]! <= top) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private covers(top: number): boolean {
    const isTopCovered = this.first === 0 || this.tops[this.first]! <= top - MARGIN;
    const bottom = top + this.height + MARGIN;
    return isTopCovered && (this.last >= this.keys.length || this.tops[this.last]! >= bottom);
  }

  private choose(top: number): void {
    this.first = this.indexAt(top - OVERSCAN);
    this.last = Math.min(this.keys.length, this.indexAt(top + this.height + OVERSCAN) + 1);
  }

  /** Note the heights of the rendered rows, and compute the distances anew if one differs from the known ones. */
  private measure(rows: HTMLElement): void {
    let changed = -1;
    const present = new Set<Element>(rows.children);
    for (const row of this.observed) if (!present.has(row)) this.observer.unobserve(row);
    let index = this.first - 1;
    for (const row of present) {
      if (!this.observed.has(row)) this.observer.observe(row);
      const key = this.keys[++index];
      const { height } = row.getBoundingClientRect();
      if (key === undefined || !height || this.heights.get(key) === height) continue;
      this.heights.set(key, height);
      if (changed < 0) changed = index;
    }
    this.observed = present;
    if (changed >= 0) this.layOut(changed);
  }
}
