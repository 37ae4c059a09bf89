import { isRefusal, type Refusal } from "../../shared/contract/errors.ts";
import { type Cloud, KILLED } from "./cloud.ts";
import type { Weather } from "./faults.ts";
import type { History } from "./history.ts";
import type { Random } from "./random.ts";
import { type AnswerTo, type AskedOf, type RequestName, carryOut } from "./requests.ts";
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
  /** How often a request that arrived is repeated by its client, or by something between. */
  readonly repeated: number;
};

type Sending = {
  readonly mayComeTwice?: boolean;
  /** Called when a function begins with it: never, once, or twice. */
  readonly arrives?: (nowMs: number) => void;
};

export type Network = ReturnType<typeof createNetwork>;

/** How many of the most frequent requests are read and answered as JSON by their handlers. All others are. */
const WHOLE = 0.05;
const WHOLE_BEATS = 0.01;
const LATE_MS = 30_000;

/** How clients reach the control plane: requests and answers are lost, late, or arrive twice. */
export function createNetwork({ scheduler, weather, random, history, cloud, count, repeated }: NetworkParts) {
  /** A heartbeat's calls are two: only now and then are others let in between. */
  const interleavedShare = (name: string) => (name === "beat" ? 0.1 : 0.7);

  async function send<N extends RequestName>(
    name: N,
    asked: AskedOf<N>,
    { mayComeTwice = true, arrives = () => undefined }: Sending = {},
  ): Promise<Outcome<AnswerTo<N>>> {
    const losing = Math.max(weather.share("network.losing"), weather.share("network.down"));
    if (random.chance(losing)) return lost(name);
    const whole = random.chance(name === "beat" ? WHOLE_BEATS : WHOLE);
    const invoked = () =>
      cloud.invoke(name, random.chance(interleavedShare(name)), (ports) => {
        arrives(ports.clock.nowMs());
        return carryOut(ports, name, asked, whole);
      });
    // A copy that is late says what was true when it was made.
    if (mayComeTwice && random.chance(repeated))
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
