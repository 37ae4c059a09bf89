import type { Line } from "./bill.ts";
import type { FleetLoad } from "./load.ts";
import { LARGER_PLAN, PLAN_BYTES, PRICES, type PriceName } from "./prices.ts";
import { type Report, sourcesOf } from "./report.ts";

const UNITS: Readonly<Record<PriceName, string>> = {
  lambdaRequests: "Lambda invocations",
  lambdaGbSeconds: "Lambda GB-seconds",
  httpApiRequests: "HTTP API requests",
  sqsRequests: "SQS requests",
  dynamoWriteUnits: "DynamoDB write units",
  dynamoReadUnits: "DynamoDB read units",
  s3Puts: "S3 requests",
  s3GbMonths: "GB-months of S3",
  logBytes: "bytes of log",
  customMetrics: "metrics",
  alarmMetrics: "metrics with alarms",
  schedulerInvocations: "scheduled invocations",
  egressBytes: "bytes out",
  redisCommands: "Redis commands",
  redisFixedPlan: "Upstash fixed plan",
  temporalActions: "Temporal actions",
  stepFunctionsTransitions: "Step Functions transitions",
};

const number = (value: number) =>
  value >= 1e6 ? `${(value / 1e6).toFixed(1)} M` : value >= 100 ? value.toFixed(0) : value.toFixed(2);
const usd = (value: number, digits = 2) => `$${value.toFixed(digits)}`;

function row({ purpose, price, amount, usd: sum, basis }: Line): string {
  if (price === null || amount === null || sum === null)
    return `  ${purpose.padEnd(18)} not built yet, and not in the sum`;
  const { usd: unitUsd, per } = PRICES[price];
  const unit = per === 1 ? usd(unitUsd, unitUsd < 0.01 ? 10 : 2) : `${usd(unitUsd, 3)}/${number(per)}`;
  return [
    `  ${purpose.padEnd(18)}`,
    `${number(amount)} ${UNITS[price]}`.padEnd(32),
    unit.padStart(18),
    usd(sum, 3).padStart(10),
    basis === "counted" ? "" : ` (${basis})`,
  ].join("");
}

/** What the price of Redis does not show. */
function redisLines({ commands, bytes }: Report["redisMonth"]): string[] {
  const gigabytes = (value: number) => `${(value / 1e9).toFixed(0)} GB`;
  const lines = [`  Redis: ${number(commands)} commands, ${gigabytes(bytes)} to and from it`];
  if (bytes <= PLAN_BYTES) return lines;
  return [
    ...lines,
    `  MORE than the ${gigabytes(PLAN_BYTES)} of this plan, if Upstash counts both ways: beyond them it holds requests back.`,
    `  A plan with ${gigabytes(LARGER_PLAN.bytes)} costs ${usd(LARGER_PLAN.usd)}.`,
  ];
}

/** A report for a terminal of 100 columns. Lines that cost nothing are left out. */
export function format(report: Report, { agents, intervalS, tasksPerDay }: FleetLoad): string {
  const worthIt = (line: Line) => line.usd === null || line.usd >= 0.0005;
  const bySize = (a: Line, b: Line) => (b.usd ?? -1) - (a.usd ?? -1);
  const { counts, promises, peers, perAgentMonthUsd, naivePerAgentMonthUsd, observingMonthUsd } = report;
  return [
    `A month of ${agents} agents, ten to a host, beating every ${intervalS} s, with ${tasksPerDay} tasks a day`,
    "",
    ...report.lines.filter(worthIt).sort(bySize).map(row),
    `  ${"coordination in all".padEnd(68)}${usd(perAgentMonthUsd * agents).padStart(10)}`,
    `  ${"for each agent".padEnd(68)}${usd(perAgentMonthUsd, 4).padStart(10)}`,
    `  ${"alarms and metrics, which are apart from it, however many agents".padEnd(68)}${usd(observingMonthUsd).padStart(10)}`,
    ...redisLines(report.redisMonth),
    "",
    "The same for each agent done otherwise, at list prices",
    `  ${"naively: each agent a request, a row and four commands a beat".padEnd(68)}${usd(naivePerAgentMonthUsd, 4).padStart(10)}`,
    ...peers.map((peer) => `  ${peer.name.padEnd(68)}${usd(peer.perAgentMonthUsd, 4).padStart(10)}`),
    "",
    "A month of stage production in which nobody works, at list prices",
    "",
    ...report.idleLines.filter(worthIt).sort(bySize).map(row),
    `  ${"in all".padEnd(68)}${usd(report.idleMonthListUsd).padStart(10)}`,
    `  ${"after what AWS never charges an account for, if nothing else uses it".padEnd(68)}${usd(report.idleMonthUsd).padStart(10)}`,
    "",
    `A beat of ten sessions: ${number(counts.redisPerBeat)} Redis commands. A task: ${number(counts.redisPerTask)} Redis commands, ${number(counts.writeUnitsPerTask)} write units,`,
    `${number(counts.invocationsPerTask)} invocations, ${number(counts.sqsPerTask)} SQS requests.`,
    "",
    ...promises.map(
      ({ what, is, limit, kept }) =>
        `  ${kept ? "kept" : "BROKEN"}  ${what}: ${Number(is.toPrecision(3))}, at most ${Number(limit.toPrecision(3))}`,
    ),
    "",
    "Durations are medians of this machine. Prices of us-east-1:",
    ...sourcesOf().map((source) => `  ${source}`),
  ].join("\n");
}
