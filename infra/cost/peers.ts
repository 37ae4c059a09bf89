import type { Quantity } from "./bill.ts";
import { type FleetLoad, ratesOf } from "./load.ts";

/** Of an invocation that nobody made light: 256 MB for 50 ms, and Lambda's own three log lines. */
const NAIVE_GB_SECONDS = 0.25 * 0.05;
const NAIVE_LOG_BYTES = 600;
/** Submitted, assigned, started and completed, each in the item and in an index by state that it leaves and enters. */
const NAIVE_UNITS_A_TASK = 4 * 3;
const NAIVE_REQUESTS_A_TASK = 4;

/**
 * The same load done as one would at first: every agent beats for itself, by a request through the API that writes a row, and asks
 * and tells Redis four things.
 */
export function naive(load: FleetLoad): Quantity[] {
  const { agentBeats, tasks } = ratesOf(load);
  const requests = agentBeats + NAIVE_REQUESTS_A_TASK * tasks;
  const computed = { purpose: "naive", basis: "computed" } as const;
  return [
    { ...computed, price: "httpApiRequests", amount: requests },
    { ...computed, price: "lambdaRequests", amount: requests },
    { ...computed, price: "lambdaGbSeconds", amount: requests * NAIVE_GB_SECONDS },
    { ...computed, price: "logBytes", amount: requests * NAIVE_LOG_BYTES },
    { ...computed, price: "redisCommands", amount: 4 * requests },
    { ...computed, price: "dynamoWriteUnits", amount: agentBeats + NAIVE_UNITS_A_TASK * tasks },
  ];
}

/**
 * On Temporal Cloud: each task a workflow with one activity, and the activity's heartbeats, which the SDK holds back to 80 % of
 * their timeout: three intervals here. An idle agent beats nobody.
 *
 * @see Temporal, "Temporal Cloud Actions": a workflow's start, an activity's start and each recorded heartbeat are actions
 */
export function temporal(load: FleetLoad): Quantity[] {
  const { agentBeats, tasks } = ratesOf(load);
  const heartbeats = agentBeats / (0.8 * 3);
  const computed = { purpose: "Temporal Cloud", basis: "computed" } as const;
  return [{ ...computed, price: "temporalActions", amount: heartbeats + 2 * tasks }];
}

/**
 * On Step Functions: each task a standard execution that waits for its worker, which is four transitions (start, task, end, and one
 * retry in two). Heartbeats by SendTaskHeartbeat are no transitions and cost nothing; who waits for work polls an activity for free.
 *
 * @see AWS, "Step Functions pricing": state transitions
 */
export function stepFunctions(load: FleetLoad): Quantity[] {
  const { tasks } = ratesOf(load);
  return [
    { purpose: "Step Functions", basis: "computed", price: "stepFunctionsTransitions", amount: 4 * tasks },
  ];
}
