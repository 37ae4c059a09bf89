import { isRefusal, type Refusal } from "../../shared/contract/errors.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { type Cloud, KILLED } from "./cloud.ts";
import type { Weather } from "./faults.ts";
import type { History } from "./history.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** What came of a request: an answer, a refusal, or nobody knows. */
export type Outcome<T> =
  | { readonly kind: "answered"; readonly value: T }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "lost" };

export type NetworkParts = {
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly random: Random;
  readonly history: History;
  readonly cloud: Cloud;
  /** Counts how often each outcome was come to. */
  readonly count: (what: string) => void;
};

export type Network = ReturnType<typeof createNetwork>;

/** A request that arrived is repeated by its client, or by something between, this often. */
const REPEATED = 0.03;
const LATE_MS = 30_000;

/** How clients reach the control plane: requests and answers are lost, late, or arrive twice. */
export function createNetwork({ scheduler, weather, random, history, cloud, count }: NetworkParts) {
  /** A heartbeat's calls are two: only now and then are others let in between. */
  const interleavedShare = (name: string) => (name === "beat" ? 0.1 : 0.7);

  async function send<T extends object>(
    name: string,
    run: (ports: Ports) => Promise<T | Refusal>,
    mayComeTwice = true,
  ): Promise<Outcome<T>> {
    const losing = Math.max(weather.share("network.losing"), weather.share("network.down"));
    if (random.chance(losing)) return lost(name);
    const invoked = () => cloud.invoke(name, random.chance(interleavedShare(name)), run);
    // A copy that is late says what was true when it was made.
    if (random.chance(REPEATED) && mayComeTwice)
      scheduler.at(scheduler.nowMs() + random.uniform() * LATE_MS, () => void invoked());
    const value = await invoked();
    if (value === KILLED || random.chance(losing)) return lost(name);
    if (isRefusal(value)) {
      history.note(scheduler.nowMs(), `${name} refused ${value.refused}`);
      count(`${name} refused ${value.refused}`);
      return { kind: "refused", refusal: value };
    }
    count(`${name} answered`);
    return { kind: "answered", value };
  }

  function lost<T>(name: string): Outcome<T> {
    history.note(scheduler.nowMs(), `${name} lost`);
    count(`${name} lost`);
    return { kind: "lost" };
  }

  return { send };
}
