import type { MetricName } from "../../shared/contract/parameters.ts";
import { advance } from "../../shared/domain/experiments/advance.ts";
import { BURN_IN } from "../../shared/domain/experiments/look.ts";
import { FDR_ALPHA } from "../../shared/domain/experiments/plan.ts";
import { londLevel } from "../../shared/domain/statistics/multiple-testing.ts";
import { normalCdf } from "../../shared/domain/statistics/distributions.ts";
import { type Draws, createDraws } from "./draws.ts";
import { FLEET_ROWS } from "./fleet-rows.ts";
import { atLeastPart, atLeastRate, atMostMean, atMostRate, medianAtMost } from "./judge.ts";
import type { Row } from "./row.ts";
import {
  ALPHA,
  type Trial,
  armOf,
  decidedAt,
  isPromoted,
  isRejected,
  nightOf,
  runTrial,
  watchTrial,
} from "./trial.ts";
import { clusteredUnits, covariateUnits, logNormalUnits, unassignedUnits } from "./unit-fleets.ts";

const NIGHTS = 60;

type Counts = {
  readonly unitsPerNight: number;
  /** Chance of the metric's event of a control unit, by night. */
  readonly base: (night: number) => number;
  readonly effect?: number;
  readonly metric?: MetricName;
  /** Chances of a crash of control and treatment, if it is a guardrail. */
  readonly crashes?: readonly [number, number];
  /** The treatment's share as it really is. */
  readonly split?: (share: number) => number;
  readonly alpha?: number;
};

/** A fleet of which only counts matter. */
export function countedTrial(draws: Draws, counts: Counts): Trial {
  const { unitsPerNight, base, effect = 0, metric = "completed", crashes, alpha = ALPHA } = counts;
  const split = counts.split ?? ((share) => share);
  return {
    metric,
    nights: NIGHTS,
    unitsPerNight,
    plan: {
      alpha,
      guardrails: crashes ? [{ metric: "crashed", margin: 0, baseline: crashes[0] }] : [],
    },
    units(night, stage, treatmentShare) {
      const treated = draws.binomial(unitsPerNight, split(treatmentShare));
      const arm = (n: number, chance: number, crash: number | undefined) =>
        armOf(
          metric,
          n,
          draws.binomial(n, chance),
          crash === undefined ? {} : { crashed: draws.binomial(n, crash) },
        );
      return {
        stage,
        treatmentShare,
        control: arm(unitsPerNight - treated, base(night), crashes?.[0]),
        treatment: arm(treated, base(night) + effect, crashes?.[1]),
      };
    },
  };
}

export const constant = (chance: number) => () => chance;
/** Weekends are another fleet. */
const weekly = (night: number): number => (night % 7 < 2 ? 0.55 : 0.75);
/** Within the two weeks of the ramp the fleet becomes another one. */
const drift = (night: number): number => 0.45 + 0.35 * Math.min(1, night / 12);
/** Of every hundred units that should be treated, ten others are. */
const skewed = (share: number): number => (share * 55) / (share * 55 + (1 - share) * 45);

const rejects = (trial: Trial): number => (isRejected(runTrial(trial).experiment) ? 1 : 0);
/** 1 if it ended in any other way than without a conclusion. */
const concludes = (trial: Trial): number => (runTrial(trial).experiment.state === "inconclusive" ? 0 : 1);
const promotes = (trial: Trial): number => (isPromoted(runTrial(trial).experiment) ? 1 : 0);
const falseRate = (outcomes: readonly number[]) => atMostRate(outcomes, ALPHA);

/** 1 if the sequence held at every night. */
function covers(trial: Trial, truth: number): number {
  return watchTrial(trial).every(
    ({ interval }) => interval === null || (interval[0] <= truth && truth <= interval[1]),
  )
    ? 1
    : 0;
}

/** Night of the roll-back, or Infinity. */
function harmedAt(trial: Trial, state: "rolled_back" | "halted"): number {
  const { experiment } = runTrial(trial);
  return experiment.state === state ? (decidedAt(experiment) ?? Infinity) : Infinity;
}

/** One fixed test at the horizon, at the whole level, of equal arms from the first night. */
function fixedTest(draws: Draws, { unitsPerNight, base, effect = 0 }: Counts): number {
  const n = (NIGHTS * unitsPerNight) / 2;
  const pC = draws.binomial(n, base(1)) / n;
  const pT = draws.binomial(n, base(1) + effect) / n;
  const z = (pT - pC) / Math.sqrt((pC * (1 - pC) + pT * (1 - pT)) / n);
  return 2 * normalCdf(-Math.abs(z)) <= ALPHA && z > 0 ? 1 : 0;
}

/** Share of false ones among what 200 experiments of a fleet find, a fifth of which have an effect. */
function falseDiscoveries(draws: Draws): number {
  let discoveries = 0;
  let wrong = 0;
  for (let index = 1; index <= 200; index++) {
    const alpha = londLevel({ alpha: FDR_ALPHA, gamma: "power-1.6", index, discoveries });
    const effect = index % 5 === 0 ? 0.12 : 0;
    const trial = countedTrial(draws, { unitsPerNight: 60, base: constant(0.7), effect, alpha });
    if (!isRejected(runTrial(trial).experiment)) continue;
    discoveries += 1;
    if (effect === 0) wrong += 1;
  }
  return wrong / Math.max(1, discoveries);
}

/** 1 if running a night again, also with units that came in since, changes anything. */
function changesAgain(draws: Draws): number {
  const trial = countedTrial(draws, {
    unitsPerNight: 60,
    base: constant(0.7),
    effect: 0.06,
    crashes: [0.05, 0.07],
  });
  let changed = 0;
  runTrial(trial, (experiment, night) => {
    const later = [trial.units(night, 0, 0.1)];
    if (advance(experiment, later, nightOf(night)) !== experiment) changed = 1;
  });
  return changed;
}

/** 1 if anything was decided, harm apart, before each arm had what a decision needs. */
function decidesEarly(draws: Draws): number {
  const { experiment } = runTrial(
    countedTrial(draws, { unitsPerNight: 20, base: constant(0.5), effect: 0.45 }),
  );
  const look = experiment.looks.at(-1);
  const at = decidedAt(experiment);
  if (!look || at === null) return 0;
  return at < BURN_IN.nights || look.control < BURN_IN.units || look.treatment < BURN_IN.units ? 1 : 0;
}

const AA_ROWS: readonly Row[] = [20, 60, 200].flatMap((unitsPerNight) =>
  [0.04, 0.5, 0.7].map((chance) => ({
    property: `no effect, ${unitsPerNight} units a night of which ${chance} complete: decided for or against`,
    run: (draws: Draws) => rejects(countedTrial(draws, { unitsPerNight, base: constant(chance) })),
    judge: falseRate,
  })),
);

const planned: Counts = { unitsPerNight: 60, base: constant(0.7), effect: 0.05 };

export const ROWS: readonly Row[] = [
  ...FLEET_ROWS,
  ...AA_ROWS,
  {
    property: "no effect, durations with a heavy tail: decided for or against",
    run: (draws) => rejects(logNormalUnits(draws)),
    judge: falseRate,
  },
  {
    property: "no effect, weekends unlike weekdays: decided for or against",
    run: (draws) => rejects(countedTrial(draws, { unitsPerNight: 60, base: weekly })),
    judge: falseRate,
  },
  {
    property: "no effect, the fleet changes while the share grows: decided for or against",
    run: (draws) => rejects(countedTrial(draws, { unitsPerNight: 200, base: drift })),
    judge: falseRate,
  },
  {
    property: "no effect, hosts are randomised and their sessions alike: decided, or halted",
    run: (draws) => concludes(clusteredUnits(draws)),
    judge: falseRate,
  },
  {
    property: "no effect, adjusted by what is usual for the task: decided for or against",
    run: (draws) => rejects(covariateUnits(draws, { effect: 0, adjusted: true })),
    judge: falseRate,
  },
  {
    property: "no effect, nobody allocates while things go wrong: decided, or halted",
    run: (draws) => concludes(unassignedUnits(draws)),
    judge: falseRate,
  },
  {
    property: "the sequence holds at every night, proportion with an effect",
    run: (draws) => covers(countedTrial(draws, planned), 0.05),
    judge: (outcomes) => atLeastRate(outcomes, 1 - ALPHA),
  },
  {
    property: "the sequence holds at every night, rare proportion",
    run: (draws) => covers(countedTrial(draws, { unitsPerNight: 60, base: constant(0.04) }), 0),
    judge: (outcomes) => atLeastRate(outcomes, 1 - ALPHA),
  },
  {
    property: "the sequence holds at every night, while the fleet changes",
    run: (draws) => covers(countedTrial(draws, { unitsPerNight: 200, base: drift, effect: 0.05 }), 0.05),
    judge: (outcomes) => atLeastRate(outcomes, 1 - ALPHA),
  },
  {
    property: "planned effect: shipped as often as by one fixed test",
    run: (draws) => promotes(countedTrial(draws, planned)),
    peer: (draws) => fixedTest(draws, planned),
    judge: (outcomes, peers) => atLeastPart(outcomes, peers, 0.92),
  },
  {
    property: "twice the planned effect: night of the decision, of 60",
    run: (draws) =>
      decidedAt(runTrial(countedTrial(draws, { ...planned, effect: 0.1 })).experiment) ?? Infinity,
    judge: (outcomes) => medianAtMost(outcomes, 0.4 * NIGHTS),
  },
  {
    property: "adjusted by what is usual for the task: shipped as often as unadjusted",
    run: (draws) => promotes(covariateUnits(draws, { effect: 0.05, adjusted: true })),
    peer: (draws) => promotes(covariateUnits(draws, { effect: 0.05, adjusted: false })),
    judge: (outcomes, peers) => atLeastPart(outcomes, peers, 1),
  },
  {
    property: "crashes 5 % as before: rolled back",
    run: (draws) => Number(Number.isFinite(harmedAt(crashing(draws, 0.05), "rolled_back"))),
    judge: falseRate,
  },
  {
    property: "crashes from 5 % to 10 %: rolled back by the horizon",
    run: (draws) => Number(Number.isFinite(harmedAt(crashing(draws, 0.1), "rolled_back"))),
    judge: (outcomes) => atLeastRate(outcomes, 0.95),
  },
  {
    property: "crashes from 5 % to 15 %: night of the roll-back",
    run: (draws) => harmedAt(crashing(draws, 0.15), "rolled_back"),
    judge: (outcomes) => medianAtMost(outcomes, 7),
  },
  {
    property: "units split as they should be: halted",
    run: (draws) =>
      Number(Number.isFinite(harmedAt(countedTrial(draws, { ...planned, effect: 0 }), "halted"))),
    judge: (outcomes) => atMostRate(outcomes, 0.01),
  },
  {
    property: "units split 55 to 45: night of the halt",
    run: (draws) => harmedAt(countedTrial(draws, { ...planned, effect: 0, split: skewed }), "halted"),
    judge: (outcomes) => medianAtMost(outcomes, 25),
  },
  {
    property: "200 experiments one after the other: part of false ones among what is found",
    run: falseDiscoveries,
    judge: (outcomes) => atMostMean(outcomes, FDR_ALPHA),
    part: 0.1,
  },
  {
    property: "a night that is run again: changes anything",
    run: changesAgain,
    judge: (outcomes) => atMostRate(outcomes, 0),
  },
  {
    property: "a large effect: decided before there is enough",
    run: decidesEarly,
    judge: (outcomes) => atMostRate(outcomes, 0),
  },
];

function crashing(draws: Draws, treated: number): Trial {
  return countedTrial(draws, { ...planned, effect: 0, crashes: [0.05, treated] });
}

/** What each repetition of a row gives, from `from` to before `to`. */
export async function repeat(
  { property, run, peer }: Row,
  from: number,
  to: number,
): Promise<[number[], number[]]> {
  const outcomes: number[] = [];
  const peers: number[] = [];
  for (let repetition = from; repetition < to; repetition++) {
    outcomes.push(await run(createDraws(property, repetition)));
    if (peer) peers.push(await peer(createDraws(`${property} (peer)`, repetition)));
  }
  return [outcomes, peers];
}
