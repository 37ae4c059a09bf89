import { AFTERMATH_MS } from "./promptness.ts";
import type { Random } from "./random.ts";

/** Something that goes wrong at a time or for a while. Times are milliseconds since the simulation's start. */
export type Fault =
  /** Redis forgets everything. */
  | { readonly kind: "redis.wiped"; readonly atMs: number }
  /** Redis fails over to a replica, or is restored from a backup, that is so much behind. */
  | { readonly kind: "redis.restored"; readonly atMs: number; readonly lostMs: number }
  | {
      readonly kind:
        | "redis.down"
        /** Commands are applied, and their answers lost. */
        | "redis.mute"
        | "record.throttled"
        /** Writes are committed, and their answers lost. */
        | "record.mute"
        /** Listings show what was true `lagMs` ago. */
        | "record.lagging"
        | "queue.losing"
        | "queue.doubling"
        | "queue.delaying"
        /** Functions die between two effects. */
        | "functions.dying"
        /** Requests of agents, or the answers to them, get lost. */
        | "network.losing"
        /** No agent reaches the control plane; then all come back at once. */
        | "network.down"
        | "sweep.skipped";
      readonly atMs: number;
      readonly untilMs: number;
      readonly share: number;
    }
  /** A second sweep starts beside the one that runs. */
  | { readonly kind: "sweep.doubled"; readonly atMs: number }
  | { readonly kind: "queue.poisoned"; readonly atMs: number }
  /** A host's processes die; it comes back with a new boot, or never. */
  | {
      readonly kind: "host.killed";
      readonly atMs: number;
      readonly host: number;
      readonly backAfterMs: number | null;
    }
  /** A host's processes stop, and go on later as if nothing had happened. */
  | { readonly kind: "host.frozen"; readonly atMs: number; readonly host: number; readonly forMs: number }
  | { readonly kind: "session.killed"; readonly atMs: number; readonly host: number };

export type WindowKind = Extract<Fault, { untilMs: number }>["kind"];

/** How often each goes wrong, relative to the others, and for how long. */
const WINDOWS: Readonly<Record<WindowKind, { readonly longestMs: number; readonly share: number }>> = {
  "redis.down": { longestMs: 120_000, share: 1 },
  "redis.mute": { longestMs: 60_000, share: 0.2 },
  "record.throttled": { longestMs: 60_000, share: 0.3 },
  "record.mute": { longestMs: 60_000, share: 0.2 },
  "record.lagging": { longestMs: 300_000, share: 1 },
  "queue.losing": { longestMs: 600_000, share: 0.7 },
  "queue.doubling": { longestMs: 600_000, share: 0.5 },
  "queue.delaying": { longestMs: 600_000, share: 0.5 },
  "functions.dying": { longestMs: 300_000, share: 0.1 },
  "network.losing": { longestMs: 300_000, share: 0.3 },
  "network.down": { longestMs: 90_000, share: 1 },
  "sweep.skipped": { longestMs: 240_000, share: 1 },
};
const WINDOW_KINDS = Object.keys(WINDOWS) as WindowKind[];
const SHORTEST_MS = 500;
/** How long before such a host wakes Redis forgets it: what is seen sooner after a loss may come of it. */
const FORGOTTEN_MS = 1.1 * AFTERMATH_MS;

function oneFault(random: Random, atMs: number, hosts: number, timeoutMs: number): Fault {
  const roll = random.uniform();
  const host = random.between(0, hosts - 1);
  if (roll < 0.12) return { kind: "redis.wiped", atMs };
  if (roll < 0.22) {
    // Deadlines that are just past, and a stamp that is not too old, are what only a comparison shows to be lost.
    const lostMs = random.chance(0.4)
      ? timeoutMs * (0.6 + 0.4 * random.uniform())
      : random.magnitude(20, 1_800_000);
    return { kind: "redis.restored", atMs, lostMs };
  }
  if (roll < 0.27) return { kind: "sweep.doubled", atMs };
  if (roll < 0.31) return { kind: "queue.poisoned", atMs };
  if (roll < 0.41) {
    const backAfterMs = random.chance(0.8) ? random.magnitude(500, 300_000) : null;
    return { kind: "host.killed", atMs, host, backAfterMs };
  }
  if (roll < 0.49) return { kind: "host.frozen", atMs, host, forMs: random.magnitude(500, 180_000) };
  if (roll < 0.55) return { kind: "session.killed", atMs, host };
  const kind = random.pick(WINDOW_KINDS);
  const { longestMs, share } = WINDOWS[kind];
  return { kind, atMs, untilMs: atMs + random.magnitude(SHORTEST_MS, longestMs), share };
}

/** What goes wrong in one simulation, in the order of its times. */
export function planFaults(
  random: Random,
  horizonMs: number,
  hosts: number,
  timeoutMs: number,
  crowd: boolean,
): Fault[] {
  // Some runs are calm, so that promises that hold only then are tested too.
  const count = random.chance(0.1) ? 0 : Math.round(random.magnitude(2, 40));
  const faults = Array.from({ length: count }, () =>
    oneFault(random, Math.floor(random.uniform() * horizonMs), hosts, timeoutMs),
  );
  // Some come back from a long silence to a Redis that has never heard of them.
  const forgotten = faults.map((fault): [Fault, ...Fault[]] => {
    if (fault.kind !== "host.frozen" || !random.chance(0.4)) return [fault];
    const forMs = Math.max(fault.forMs, 2.5 * timeoutMs + FORGOTTEN_MS);
    return [
      { ...fault, forMs },
      { kind: "redis.wiped", atMs: fault.atMs + forMs - FORGOTTEN_MS },
    ];
  });
  if (crowd) {
    // For longer than anybody is waited for: either nobody reaches the control plane, or it has lost its Redis.
    const kind = random.pick(["network.down", "redis.down"] as const);
    const atMs = 0.3 * horizonMs;
    forgotten.push([{ kind, atMs, untilMs: atMs + 1.5 * timeoutMs, share: 1 }]);
  }
  return forgotten.flat().sort((a, b) => a.atMs - b.atMs);
}

/** Which windows are open now, and when each kind of fault last was. */
export type Weather = {
  /** Whether no window is open. */
  isFair(): boolean;
  share(kind: WindowKind): number;
  /** Opens or closes a window; closing one leaves others of its kind open. */
  open(kind: WindowKind, share: number): () => void;
  happened(kind: Fault["kind"], atMs: number): void;
  /** When any of these last went wrong, or now if it still does; -Infinity if it never did. */
  lastMs(kinds: readonly Fault["kind"][], nowMs: number): number;
};

export function createWeather(): Weather {
  const shares = new Map<Fault["kind"], number[]>();
  const last = new Map<Fault["kind"], number>();
  let windows = 0;
  return {
    isFair: () => windows === 0,
    share: (kind) => shares.get(kind)?.at(-1) ?? 0,
    open(kind, share) {
      const open = shares.get(kind) ?? [];
      shares.set(kind, open);
      open.push(share);
      windows += 1;
      return () => {
        windows -= 1;
        open.splice(open.indexOf(share), 1);
      };
    },
    happened: (kind, atMs) => void last.set(kind, atMs),
    lastMs(kinds, nowMs) {
      let latestMs = -Infinity;
      for (const kind of kinds) {
        if (windows > 0 && (shares.get(kind)?.length ?? 0) > 0) return nowMs;
        latestMs = Math.max(latestMs, last.get(kind) ?? -Infinity);
      }
      return latestMs;
    },
  };
}
