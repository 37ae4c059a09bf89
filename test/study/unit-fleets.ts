import type { ExposedUnit, Plan, StageTotals, Variant } from "../../shared/contract/experiments.ts";
import type { MetricName } from "../../shared/contract/parameters.ts";
import {
  type Counting,
  type Totals,
  addUnit,
  covariateKey,
  exposureOf,
  stageTotals,
} from "../../shared/domain/experiments/totals.ts";
import type { Draws } from "./draws.ts";
import { type Trial, DAY_MS, FIRST_NIGHT } from "./trial.ts";

/** Fleets whose units are counted one by one, as a night does it. */

const UNITS = 60;
const NIGHTS = 60;

type Unit = {
  readonly variant: Variant | null;
  readonly type?: string;
  readonly host?: string;
  readonly value: number;
};

/** A trial of units that are drawn one by one, allocated by the share. */
function unitTrial(
  metric: MetricName,
  plan: Partial<Plan>,
  drawn: (night: number, share: number) => Unit,
  unit: "session" | "host" = "session",
): Trial {
  const counting = (stage: number, share: number): Counting => ({
    primary: metric,
    metrics: [metric],
    plan: { winsorAt: null, covariate: null, maturesAfterMs: 0, ...plan },
    byHost: unit === "host",
    shareOf: () => share,
  });
  return {
    metric,
    unit,
    nights: NIGHTS,
    unitsPerNight: UNITS,
    plan,
    units(night, stage, treatmentShare): StageTotals {
      const totals: Totals = new Map();
      const atMs = (FIRST_NIGHT + night) * DAY_MS;
      const how = counting(stage, treatmentShare);
      for (let i = 0; i < UNITS; i++) {
        const one = drawn(night, treatmentShare);
        const exposure = exposureOf({ stage }, one.variant, atMs);
        if (exposure) addUnit(totals, exposedUnit(`${night}-${i}`, one, exposure, metric), how, atMs);
      }
      return (
        stageTotals(totals)[0] ?? {
          stage,
          treatmentShare,
          control: { exposed: 0, metrics: {}, hosts: {}, events: {} },
          treatment: { exposed: 0, metrics: {}, hosts: {}, events: {} },
        }
      );
    },
  };
}

function exposedUnit(
  id: string,
  { type = "any", host, value }: Unit,
  exposure: Pick<ExposedUnit, "variant" | "stage" | "atMs">,
  metric: MetricName,
): ExposedUnit {
  return {
    v: 1,
    experiment: "trial",
    fleet: "study",
    kind: "task",
    id,
    generation: 0,
    host: host ?? null,
    agent: null,
    type,
    repository: null,
    ...exposure,
    outcome: { endedAtMs: exposure.atMs, values: { [metric]: value } },
  };
}

const allocate = (draws: Draws, share: number): Variant =>
  draws.uniform() < share ? "treatment" : "control";

/** Durations of ten minutes with a tail of hours, cut at what was their 99th percentile before the launch. */
export function logNormalUnits(draws: Draws): Trial {
  const [medianMs, spread, z99] = [600_000, 1.2, 2.326];
  return unitTrial("durationMs", { winsorAt: medianMs * Math.exp(spread * z99) }, (_night, share) => ({
    variant: allocate(draws, share),
    value: medianMs * Math.exp(spread * draws.normal()),
  }));
}

/** Forty hosts, each with a chance of its own, and each in one arm as a whole. */
export function clusteredUnits(draws: Draws): Trial {
  const hosts = Array.from({ length: 40 }, (_, i) => ({
    host: `host-${i}`,
    at: draws.uniform(),
    chance: Math.min(0.98, Math.max(0.05, 0.7 + 0.15 * draws.normal())),
  }));
  return unitTrial(
    "completed",
    {},
    (_night, share) => {
      const { host, at, chance } = hosts[Math.floor(draws.uniform() * hosts.length)] ?? { at: 0, chance: 0 };
      return {
        variant: at < share ? "treatment" : "control",
        ...(host !== undefined && { host }),
        value: draws.uniform() < chance ? 1 : 0,
      };
    },
    "host",
  );
}

/** Types of tasks that are unlike each other, as their history has shown. */
export function covariateUnits(
  draws: Draws,
  { effect, adjusted }: { effect: number; adjusted: boolean },
): Trial {
  const types = [0.4, 0.55, 0.7, 0.85, 0.9].map((chance, i) => ({ type: `type-${i}`, chance }));
  const byKey = Object.fromEntries(types.map(({ type, chance }) => [covariateKey(type, null), chance]));
  return unitTrial("completed", { covariate: adjusted ? { byKey, other: 0.7 } : null }, (_night, share) => {
    const { type, chance } = types[Math.floor(draws.uniform() * types.length)] ?? { type: "", chance: 0 };
    const variant = allocate(draws, share);
    const value = draws.uniform() < chance + (variant === "treatment" ? effect : 0) ? 1 : 0;
    return { variant, type, value };
  });
}

/** In bad hours nobody answers who allocates, and little is completed: two units of ten. */
export function unassignedUnits(draws: Draws): Trial {
  return unitTrial("completed", {}, (_night, share) =>
    draws.uniform() < 0.2
      ? { variant: null, value: draws.uniform() < 0.3 ? 1 : 0 }
      : { variant: allocate(draws, share), value: draws.uniform() < 0.7 ? 1 : 0 },
  );
}
