import type { AgentParameters } from "../../shared/contract/agent-parameters.ts";
import type { ResumeBrief } from "../../shared/contract/checkpoint.ts";
import { AGENT_PARAMETER_DEFAULTS } from "../../shared/contract/parameters.ts";
import type { SessionConfig } from "../../shared/contract/session.ts";

/** Why one start of a session came to its end. */
export type Ending =
  | { readonly kind: "drained" }
  | { readonly kind: "restart"; readonly why: string }
  | { readonly kind: "crashed"; readonly signal: string };

/** What a start of a session goes by. */
export type LifeConfig = {
  readonly parameters: AgentParameters;
  /** What the server calls these parameters; null: one that is older gives them no name. */
  readonly version: number | null;
  /** Parameters whose first use is to be told. */
  readonly experiments: readonly string[];
};

export const DEFAULT_CONFIG: LifeConfig = {
  parameters: AGENT_PARAMETER_DEFAULTS,
  version: null,
  experiments: [],
};

/** What a registration's answer says; of an older server the defaults. */
export const configOf = ({ parameters, version, experiments = [] }: SessionConfig): LifeConfig => ({
  parameters: parameters ?? AGENT_PARAMETER_DEFAULTS,
  version: version ?? null,
  experiments,
});

/** One registered start of a session: its epoch, its token, its lease, and whether it is over. */
export type Life = {
  readonly epoch: number;
  /** What the session's start before this one left unfinished; null if nothing. */
  readonly resume: ResumeBrief | null;
  readonly token: () => string;
  renew(token: string): void;
  readonly config: () => LifeConfig;
  /** It goes by these from now on. */
  configure(parameters: AgentParameters, version: number): void;
  /** Until when (monotonic) its tasks may be worked on. */
  readonly leaseUntilMs: () => number;
  /** When the latest acknowledged proof of life was sent (monotonic), and for how long one leaves no doubt. */
  readonly lastBeatMs: () => number;
  readonly freshForMs: number;
  /** A request sent then (monotonic) was acknowledged as a proof of life. */
  extendLease(sentAtMs: number): void;
  /** The first ending stands. */
  finish(ending: Ending): void;
  ending(): Ending | null;
  readonly over: AbortSignal;
};

/** Work stops when this share of the timeout has passed since the last acknowledged beat was sent. */
const LEASE_SHARE = 0.8;
/** More than a beat's interval of either profile, so that a single slow answer raises no doubt. */
const FRESH_SHARE = 0.5;

export function createLife(start: {
  epoch: number;
  token: string;
  timeoutMs: number;
  sentAtMs: number;
  resume?: ResumeBrief | null;
  config?: LifeConfig;
}): Life {
  const over = new AbortController();
  const leaseMs = Math.floor(LEASE_SHARE * start.timeoutMs);
  let token = start.token;
  let config = start.config ?? DEFAULT_CONFIG;
  let lastBeatMs = start.sentAtMs;
  let ending: Ending | null = null;
  return {
    epoch: start.epoch,
    resume: start.resume ?? null,
    token: () => token,
    renew: (renewed) => {
      token = renewed;
    },
    config: () => config,
    configure: (parameters, version) => {
      config = { ...config, parameters, version };
    },
    leaseUntilMs: () => lastBeatMs + leaseMs,
    lastBeatMs: () => lastBeatMs,
    freshForMs: FRESH_SHARE * start.timeoutMs,
    extendLease: (sentAtMs) => {
      lastBeatMs = Math.max(lastBeatMs, sentAtMs);
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
