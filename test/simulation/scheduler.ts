/** Time that only moves when nothing is left to do, and everything that waits for it. */
export type Scheduler = {
  nowMs(): number;
  sleep(ms: number): Promise<void>;
  at(atMs: number, run: () => void): void;
  /** Runs everything that is due up to this time, in the order of a seed where times are equal. */
  runUntil(untilMs: number): Promise<void>;
};

type Entry = { readonly atMs: number; readonly tie: number; readonly run: () => void };

const isBefore = (a: Entry, b: Entry) => a.atMs < b.atMs || (a.atMs === b.atMs && a.tie < b.tie);

/** A binary heap: a simulation of a day schedules millions. */
function createHeap() {
  const entries: Entry[] = [];
  const swap = (a: number, b: number) => {
    const held = entries[a] as Entry;
    entries[a] = entries[b] as Entry;
    entries[b] = held;
  };
  const before = (a: number, b: number) => isBefore(entries[a] as Entry, entries[b] as Entry);
  return {
    first: (): Entry | undefined => entries[0],
    push(entry: Entry): void {
      let place = entries.push(entry) - 1;
      for (let parent = (place - 1) >> 1; place > 0 && before(place, parent); parent = (place - 1) >> 1) {
        swap(place, parent);
        place = parent;
      }
    },
    pop(): void {
      const last = entries.pop();
      if (last === undefined || entries.length === 0) return;
      entries[0] = last;
      for (let place = 0; ;) {
        const [left, right] = [2 * place + 1, 2 * place + 2];
        let least = place;
        if (left < entries.length && before(left, least)) least = left;
        if (right < entries.length && before(right, least)) least = right;
        if (least === place) return;
        swap(place, least);
        place = least;
      }
    },
  };
}

/**
 * Until every promise that can settle without the clock has settled: Node runs what is left for the next tick once no
 * microtask is left. Nothing here waits for anything else; a turn of the event loop would cost ten times as much.
 */
const settled = () =>
  new Promise<void>((resolve) => {
    process.nextTick(resolve);
  });

/** @param uniform breaks ties, so that a seed decides the order of what happens at once */
export function createScheduler(startMs: number, uniform: () => number): Scheduler {
  const heap = createHeap();
  let nowMs = startMs;
  const at = (atMs: number, run: () => void) => {
    heap.push({ atMs: Math.max(atMs, nowMs), tie: uniform(), run });
  };
  return {
    nowMs: () => nowMs,
    at,
    sleep: (ms) =>
      new Promise((resolve) => {
        at(nowMs + ms, resolve);
      }),
    async runUntil(untilMs) {
      await settled();
      for (let next = heap.first(); next && next.atMs <= untilMs; next = heap.first()) {
        heap.pop();
        nowMs = next.atMs;
        next.run();
        await settled();
      }
      nowMs = untilMs;
    },
  };
}
