/** Why one start of a session came to its end. */
export type Ending =
  | { readonly kind: "drained" }
  | { readonly kind: "restart"; readonly why: string }
  | { readonly kind: "crashed"; readonly signal: string };

/** One registered start of a session: its epoch, its token, its lease, and whether it is over. */
export type Life = {
  readonly epoch: number;
  readonly token: () => string;
  renew(token: string): void;
  /** Until when (monotonic) its tasks may be worked on. */
  readonly leaseUntilMs: () => number;
  /** A request sent then (monotonic) was acknowledged as a proof of life. */
  extendLease(sentAtMs: number): void;
  /** The first ending stands. */
  finish(ending: Ending): void;
  ending(): Ending | null;
  readonly over: AbortSignal;
};

/** Work stops when this share of the timeout has passed since the last acknowledged beat was sent. */
const LEASE_SHARE = 0.8;

export function createLife(start: {
  epoch: number;
  token: string;
  timeoutMs: number;
  sentAtMs: number;
}): Life {
  const over = new AbortController();
  const leaseMs = Math.floor(LEASE_SHARE * start.timeoutMs);
  let token = start.token;
  let leaseUntilMs = start.sentAtMs + leaseMs;
  let ending: Ending | null = null;
  return {
    epoch: start.epoch,
    token: () => token,
    renew: (renewed) => {
      token = renewed;
    },
    leaseUntilMs: () => leaseUntilMs,
    extendLease: (sentAtMs) => {
      leaseUntilMs = Math.max(leaseUntilMs, sentAtMs + leaseMs);
    },
    finish(first) {
      if (ending !== null) return;
      ending = first;
      over.abort(first.kind === "restart" ? first.why : first.kind);
    },
    ending: () => ending,
    over: over.signal,
  };
}
