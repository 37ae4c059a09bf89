import { EVENT_METRICS, FLEET_GAUGES } from "../../shared/contract/metrics.ts";
import { CHECKPOINTS_KEPT } from "../../shared/contract/limits.ts";
import { FUNCTION_SIZES, QUEUE_SIZES } from "../sizes.ts";
import type { FunctionName } from "../routes.ts";
import type { Quantity } from "./bill.ts";
import {
  CHECKPOINT_BYTES,
  CHECKPOINT_EVERY_MINUTES,
  type FleetLoad,
  MONTH_MINUTES,
  MONTH_S,
  ratesOf,
} from "./load.ts";
import type { Invoked, Measured, Stack } from "./measured.ts";

/** The sweep of the standard profile ticks every 5 seconds while somebody lives. */
const TICKS_A_MONTH = MONTH_S / 5;
/** Every 30 seconds it compares a page of each kind with Redis: at most so many of a kind, each a read unit. */
const REPAIRS_A_MONTH = MONTH_S / 30;
const REPAIR_PAGE = 200;
/** Commands of such a step: what Redis knows of a page of sessions. */
const REPAIR_COMMANDS = 5;
/** Bytes of an entry of the index, of which a read unit that may be a moment old reads 8 KB. */
const INDEX_ENTRY_BYTES = 120;
const INDEX_UNIT_BYTES = 8_192;
/**
 * Of each queue Lambda polls for a function: five connections, each waiting 20 s. "Estimating cost for Amazon SQS message processing
 * using AWS Lambda", AWS Compute Blog.
 */
const POLLS_A_MONTH = 5 * (MONTH_S / 20);

const gbSeconds = (fn: FunctionName, ms: number) => (FUNCTION_SIZES[fn].memoryMb / 1_024) * (ms / 1_000);

function invocations(purpose: string, invoked: Invoked, times: number): Quantity[] {
  const each = Object.entries(invoked) as [FunctionName, { count: number; ms: number }][];
  const count = each.reduce((sum, [, fn]) => sum + fn.count, 0);
  const memory = each.reduce((sum, [name, fn]) => sum + gbSeconds(name, fn.ms), 0);
  return [
    { purpose, price: "lambdaRequests", amount: count * times, basis: "counted" },
    { purpose, price: "lambdaGbSeconds", amount: memory * times, basis: "counted" },
  ];
}

/** What a fleet at work uses of everything but Redis, which has two prices. */
export function coordination(load: FleetLoad, measured: Measured, stack: Stack): Quantity[] {
  const { beat, task, tick } = measured;
  const { hostBeats, tasks } = ratesOf(load);
  const openTasks = Math.min(load.agents, REPAIR_PAGE);
  const compared = Math.min(load.agents, REPAIR_PAGE) + openTasks;
  const counted = ((2 * load.agents * INDEX_ENTRY_BYTES) / INDEX_UNIT_BYTES) * MONTH_MINUTES;
  const http = task.invocations - (task.invoked.dispatch?.count ?? 0);
  return [
    ...invocations("heartbeats", beat.invoked, hostBeats),
    {
      purpose: "heartbeats",
      price: "dynamoWriteUnits",
      amount: beat.writeUnits * hostBeats,
      basis: "counted",
    },
    { purpose: "heartbeats", price: "logBytes", amount: beat.logBytes * hostBeats, basis: "counted" },
    { purpose: "heartbeats", price: "egressBytes", amount: beat.answerBytes * hostBeats, basis: "counted" },
    ...invocations("tasks", task.invoked, tasks),
    { purpose: "tasks", price: "httpApiRequests", amount: http * tasks, basis: "counted" },
    { purpose: "tasks", price: "dynamoWriteUnits", amount: task.writeUnits * tasks, basis: "counted" },
    { purpose: "tasks", price: "dynamoReadUnits", amount: task.readUnits * tasks, basis: "counted" },
    { purpose: "tasks", price: "sqsRequests", amount: task.sqs * tasks, basis: "counted" },
    { purpose: "tasks", price: "s3Puts", amount: task.s3 * tasks, basis: "counted" },
    { purpose: "tasks", price: "logBytes", amount: task.logBytes * tasks, basis: "counted" },
    { purpose: "tasks", price: "egressBytes", amount: task.answerBytes * tasks, basis: "counted" },
    // Its loop never ends while somebody lives.
    {
      purpose: "sweep",
      price: "lambdaGbSeconds",
      amount: gbSeconds("sweep", MONTH_S * 1_000),
      basis: "computed",
    },
    { purpose: "sweep", price: "dynamoReadUnits", amount: tick.readUnits * TICKS_A_MONTH, basis: "counted" },
    {
      purpose: "sweep",
      price: "dynamoWriteUnits",
      amount: tick.writeUnits * TICKS_A_MONTH,
      basis: "counted",
    },
    { purpose: "repair", price: "dynamoReadUnits", amount: compared * REPAIRS_A_MONTH, basis: "computed" },
    { purpose: "counting sessions", price: "dynamoReadUnits", amount: counted, basis: "computed" },
    ...standing(stack),
  ];
}

/** What is done each minute whether somebody works or not. */
function standing({ schedules }: Stack): Quantity[] {
  return [
    {
      purpose: "schedules",
      price: "schedulerInvocations",
      amount: schedules * MONTH_MINUTES,
      basis: "computed",
    },
    {
      purpose: "polling of queues",
      price: "sqsRequests",
      amount: Object.keys(QUEUE_SIZES).length * POLLS_A_MONTH,
      basis: "documented",
    },
  ];
}

const alarms = ({ alarmMetrics }: Stack): Quantity => ({
  purpose: "alarms",
  price: "alarmMetrics",
  amount: alarmMetrics,
  basis: "counted",
});

/** What it costs to see how one fleet at work is, however large it is. A metric is billed once something was told of it. */
export function observing(stack: Stack): Quantity[] {
  const metrics = Object.keys(EVENT_METRICS).length + FLEET_GAUGES.length;
  return [alarms(stack), { purpose: "metrics", price: "customMetrics", amount: metrics, basis: "computed" }];
}

/** The history of signals: beside coordination, because a fleet works as well without it. */
export function signalsHistory(load: FleetLoad, { signals }: Measured): Quantity[] {
  const minutes = ratesOf(load).hosts * MONTH_MINUTES;
  const purpose = "signals (history)";
  return [
    { purpose, price: "dynamoWriteUnits", amount: signals.writeUnits * minutes, basis: "counted" },
    { purpose, price: "dynamoReadUnits", amount: signals.readUnits * minutes, basis: "counted" },
  ];
}

/** How long S3 keeps the state of a checkpoint that was let go of: the shortest of the bucket's lifecycle rules. */
const RELEASED_DAYS = 8;

/** Checkpoints of agents that work all the time, beside coordination: who needs none makes none. */
export function checkpoints(load: FleetLoad, { checkpoint }: Measured): Quantity[] {
  const times = ratesOf(load).checkpoints;
  const purpose = "checkpoints";
  const counted = (price: Quantity["price"], each: number): Quantity => ({
    ...{ purpose, price, amount: each * times, basis: "counted" },
  });
  const released = RELEASED_DAYS * ((24 * 60) / CHECKPOINT_EVERY_MINUTES);
  const storedBytes = load.agents * (CHECKPOINTS_KEPT + released) * CHECKPOINT_BYTES;
  const requests = Object.values(checkpoint.invoked).reduce((sum, { count }) => sum + count, 0);
  return [
    ...invocations(purpose, checkpoint.invoked, times),
    counted("httpApiRequests", requests),
    counted("dynamoWriteUnits", checkpoint.writeUnits),
    counted("dynamoReadUnits", checkpoint.readUnits),
    counted("s3Puts", checkpoint.s3Puts),
    { purpose, price: "s3GbMonths", amount: storedBytes / 1e9, basis: "computed" },
    counted("logBytes", checkpoint.logBytes),
    counted("egressBytes", checkpoint.answerBytes),
  ];
}

/** Tool calls of agents that work all the time, told as they happen so that a successor knows what may have run: beside coordination. */
export function toolCalls(load: FleetLoad, { toolCall }: Measured): Quantity[] {
  const times = ratesOf(load).toolCalls;
  const purpose = "tool calls";
  const counted = (price: Quantity["price"], each: number): Quantity => ({
    ...{ purpose, price, amount: each * times, basis: "counted" },
  });
  const requests = Object.values(toolCall.invoked).reduce((sum, { count }) => sum + count, 0);
  return [
    ...invocations(purpose, toolCall.invoked, times),
    counted("httpApiRequests", requests),
    counted("dynamoWriteUnits", toolCall.writeUnits),
    counted("dynamoReadUnits", toolCall.readUnits),
    counted("logBytes", toolCall.logBytes),
    counted("egressBytes", toolCall.answerBytes),
  ];
}

/** What a fleet at work asks of Redis in a month. The plan has no price for commands, but so many bytes. */
export function redisUse(load: FleetLoad, { beat, task, tick, signals }: Measured) {
  const { hosts, hostBeats, tasks } = ratesOf(load);
  const all = (of: "redis" | "redisBytes") =>
    beat[of] * hostBeats + task[of] * tasks + tick[of] * TICKS_A_MONTH + signals[of] * hosts * MONTH_MINUTES;
  return { commands: all("redis") + REPAIR_COMMANDS * REPAIRS_A_MONTH, bytes: all("redisBytes") };
}

/** What there is to pay for a stage in which nobody works, but for Redis. */
export function idle({ idleSweep }: Measured, stack: Stack): Quantity[] {
  const sweep = (price: Quantity["price"], each: number): Quantity => ({
    purpose: "idle sweep",
    price,
    amount: each * MONTH_MINUTES,
    basis: "counted",
  });
  return [
    ...invocations("idle sweep", idleSweep.invoked, MONTH_MINUTES),
    sweep("dynamoReadUnits", idleSweep.readUnits),
    sweep("dynamoWriteUnits", idleSweep.writeUnits),
    sweep("logBytes", idleSweep.logBytes),
    ...standing(stack),
    alarms(stack),
  ];
}

/** Redis commands a month of a stage in which nobody works. */
export const idleRedisCommands = ({ idleSweep }: Measured): number => idleSweep.redis * MONTH_MINUTES;
