import { type Line, type Quantity, afterAllowances, linesOf, totalOf } from "./bill.ts";
import type { FleetLoad } from "./load.ts";
import type { Measured, Stack } from "./measured.ts";
import { naive, stepFunctions, temporal } from "./peers.ts";
import { PRICES } from "./prices.ts";
import {
  checkpoints,
  coordination,
  idle,
  idleRedisCommands,
  observing,
  redisUse,
  signalsHistory,
  toolCalls,
} from "./quantities.ts";

/** What was promised, and whether it is so. */
export type Promised = {
  readonly what: string;
  readonly is: number;
  readonly limit: number;
  readonly kept: boolean;
};

export type Report = {
  readonly perAgentMonthUsd: number;
  readonly naivePerAgentMonthUsd: number;
  /** Of alarms and metrics, however many agents there are. */
  readonly observingMonthUsd: number;
  readonly idleMonthUsd: number;
  readonly idleMonthListUsd: number;
  /** Coordination, which the price of an agent is of, and then what is no part of it. */
  readonly lines: readonly Line[];
  readonly idleLines: readonly Line[];
  /** Of a fleet at work. The fixed plan has no price for either, but holds back what is beyond `PLAN_BYTES`. */
  readonly redisMonth: { readonly commands: number; readonly bytes: number };
  readonly peers: readonly { readonly name: string; readonly perAgentMonthUsd: number }[];
  readonly counts: Readonly<Record<CountName, number>>;
  readonly promises: readonly Promised[];
};
type CountName =
  | "redisPerBeat"
  | "writeUnitsPerBeat"
  | "redisPerTask"
  | "writeUnitsPerTask"
  | "invocationsPerTask"
  | "sqsPerTask";

/** What a fleet of this size costs a month, beside others and beside nobody at work. */
export function report(load: FleetLoad, measured: Measured, stack: Stack): Report {
  const { agents } = load;
  const redis: Quantity = { purpose: "redis", price: "redisFixedPlan", amount: 1, basis: "documented" };
  const quantities = [...coordination(load, measured, stack), redis];
  const observed = linesOf(observing(stack));
  const nobody: Quantity[] = [
    ...idle(measured, stack),
    { purpose: "redis", price: "redisCommands", amount: idleRedisCommands(measured), basis: "counted" },
  ];
  const perAgent = (many: readonly Quantity[]) => totalOf(linesOf(many)) / agents;
  const { beat, task } = measured;
  const counts = {
    redisPerBeat: beat.redis,
    writeUnitsPerBeat: beat.writeUnits,
    redisPerTask: task.redis,
    writeUnitsPerTask: task.writeUnits,
    invocationsPerTask: task.invocations,
    sqsPerTask: task.sqs,
  };
  const perAgentMonthUsd = perAgent(quantities);
  const naivePerAgentMonthUsd = perAgent(naive(load));
  const idleMonthUsd = afterAllowances(nobody);
  return {
    perAgentMonthUsd,
    naivePerAgentMonthUsd,
    idleMonthUsd,
    idleMonthListUsd: totalOf(linesOf(nobody)),
    observingMonthUsd: totalOf(observed),
    lines: [
      ...linesOf(quantities),
      ...observed,
      ...linesOf([
        ...signalsHistory(load, measured),
        ...checkpoints(load, measured),
        ...toolCalls(load, measured),
      ]),
    ],
    idleLines: linesOf(nobody),
    redisMonth: redisUse(load, measured),
    peers: [
      { name: "Temporal Cloud", perAgentMonthUsd: perAgent(temporal(load)) },
      { name: "Step Functions", perAgentMonthUsd: perAgent(stepFunctions(load)) },
    ],
    counts,
    promises: promisesOf(load, counts, { perAgentMonthUsd, naivePerAgentMonthUsd, idleMonthUsd }),
  };
}

/** The size of fleet of which the price is promised. */
export const PROMISED_AGENTS = 1_000;

function promisesOf(
  { agents }: FleetLoad,
  counts: Report["counts"],
  usd: Pick<Report, "perAgentMonthUsd" | "naivePerAgentMonthUsd" | "idleMonthUsd">,
): Promised[] {
  const atMost = (what: string, is: number, limit: number): Promised => ({
    what,
    is,
    limit,
    kept: is <= limit,
  });
  const counted = [
    atMost("Redis commands of a beat of ten sessions", counts.redisPerBeat, 2.2),
    atMost("write units of a steady beat", counts.writeUnitsPerBeat, 0),
    atMost("Redis commands of a task", counts.redisPerTask, 8),
    atMost("write units of a task", counts.writeUnitsPerTask, 9),
    atMost("invocations of a task", counts.invocationsPerTask, 2),
    atMost("SQS requests of a task", counts.sqsPerTask, 1),
    atMost("US dollars a month of an idle stage, after AWS's always-free offers", usd.idleMonthUsd, 1),
  ];
  if (agents < PROMISED_AGENTS) return counted; // What is there once is shared by too few.
  return [
    ...counted,
    atMost("US dollars an agent and month", usd.perAgentMonthUsd, 0.06),
    atMost("... as a part of the naive design", usd.perAgentMonthUsd / usd.naivePerAgentMonthUsd, 1 / 30),
  ];
}

export const sourcesOf = (): string[] => [
  ...new Set(Object.values(PRICES).map(({ source, read }) => `${source}, ${read}`)),
];
