/** Work that many changes share. */

/** The longest time between two runs, about one frame. */
const INTERVAL = 16;

/** Return a function that runs `work` at once, and once more after a frame for all calls in between. */
export function coalesced(work: () => void): () => void {
  let last = -Infinity;
  let isPlanned = false;
  const run = () => {
    isPlanned = false;
    last = performance.now();
    work();
  };
  return () => {
    if (isPlanned) return;
    const wait = last + INTERVAL - performance.now();
    if (wait <= 0) return run();
    isPlanned = true;
    setTimeout(run, wait); // not an animation frame: hidden pages have none
  };
}
