import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { ensureAdminKey } from "../../infra/local/admin-key.ts";
import { startCloud } from "../../infra/local/cloud.ts";
import { buildScheduledEvent } from "../../infra/local/schedule.ts";
import { BUNDLE_FORMATS, type BundleFormat } from "../../infra/bundles.ts";
import { FUNCTIONS } from "../../infra/routes.ts";
import type { FunctionName } from "../../infra/routes.ts";
import { type FunctionWeight, OWN, weighFunctions } from "../../infra/synth/weigh-functions.ts";
import { RegisterAnswer } from "../../shared/contract/session.ts";
import { createHttp } from "../../agent/http.ts";
import { deployedEnvironment } from "../lambda/deployed-environment.ts";
import { httpEvent } from "../lambda/http-event.ts";
import { buildRuntimeClient, startLambdaProcess } from "../lambda/runtime-api.ts";
import type { BenchOptions, BenchResult, BenchRow } from "./benchmark.ts";
import { measurePairs, median, ratioRow, rounded } from "./pairs.ts";

const PAIRS = 30;
const HEARTBEAT_LIMIT_KB = 110;
const HEARTBEAT_RATIO_LIMIT = 1.35;
const TIMEOUT_MS = 30_000;
const ROOT = path.resolve(import.meta.dirname, "../..");
const EMPTY: Readonly<Record<BundleFormat, string>> = {
  cjs: `exports.handler = async () => ({ statusCode: 200, body: "{}" });\n`,
  esm: `export const handler = async () => ({ statusCode: 200, body: "{}" });\n`,
};

/** A function's process: how it is started, and the first thing it is asked. */
type Start = {
  readonly folder: string;
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly event: unknown;
};
/** Milliseconds since the process was started. */
type Started = { readonly readyMs: number; readonly answeredMs: number };

/**
 * From the start of a process to its first answered invocation: each function's real bundle, against an empty handler, on the
 * same Node, with the same runtime client, in turn. Stores are those of the embedded cloud. The client asks by node:http, as
 * AWS's own does. The heartbeat is measured once more with one that asks by fetch, of the few lines that the limit was set
 * with (docs/decisions/0201-light-heartbeat.md).
 */
export async function measureColdStarts({ n, onProgress }: BenchOptions): Promise<BenchResult> {
  const pairs = n ?? PAIRS;
  const folder = mkdtempSync(path.join(tmpdir(), "shim-coldstart-"));
  process.once("exit", () => {
    rmSync(folder, { recursive: true, force: true });
  });
  onProgress("bundling the functions");
  const weights = await weighFunctions(ROOT, folder);
  const byHttp = await buildRuntimeClient(folder, "http");
  const byFetch = await buildRuntimeClient(folder, "fetch");
  const empty = { cjs: writeEmpty(folder, "cjs"), esm: writeEmpty(folder, "esm") };
  onProgress("starting the embedded cloud");
  const cloud = await startCloud({ stateDir: null, schedule: false });
  try {
    const rows: BenchRow[] = [];
    const notes: string[] = [];
    const measure = async (name: FunctionName, event: unknown, client = byHttp): Promise<void> => {
      onProgress(`${name}: ${pairs} starts, and as many of an empty handler`);
      const start = {
        folder: path.join(folder, name),
        handler: FUNCTIONS[name],
        environment: deployedEnvironment(name),
        event,
      };
      const ready: number[] = [];
      const measured = await measurePairs(
        pairs,
        async () => {
          const { readyMs, answeredMs } = await startOnce(client, start);
          ready.push(readyMs);
          return answeredMs;
        },
        async () => (await startOnce(client, { ...start, ...empty[BUNDLE_FORMATS[name]] })).answeredMs,
      );
      const weight = weightOf(weights, name);
      if (client === byFetch) {
        rows.push(ratioRow(`${name} by fetch`, measured, "ms", HEARTBEAT_RATIO_LIMIT));
        return;
      }
      rows.push(weightRow(weight));
      const row = ratioRow(`${name} until its first answer`, measured, "ms", null);
      rows.push(row);
      notes.push(describe(weight, row, median(ready)));
    };
    // Where nobody lives the sweep answers at once; where somebody does it ticks for a minute.
    await measure("sweep", buildScheduledEvent("bench", new Date()));
    for (const [name, event] of await eventsOf(cloud)) {
      await measure(name, event);
      if (name === "heartbeat") await measure(name, event, byFetch);
    }
    return { rows, notes };
  } finally {
    await cloud.close();
  }
}

function writeEmpty(folder: string, format: BundleFormat): Pick<Start, "folder" | "handler"> {
  const own = path.join(folder, `empty-${format}`);
  mkdirSync(own);
  writeFileSync(path.join(own, format === "esm" ? "empty.mjs" : "empty.cjs"), EMPTY[format]);
  return { folder: own, handler: "empty.handler" };
}

async function startOnce(client: string, { event, ...start }: Start): Promise<Started> {
  const startedMs = performance.now();
  const lambda = await startLambdaProcess({ client, ...start, timeoutMs: TIMEOUT_MS });
  try {
    const answer = (await lambda.invoke(event)) as { readonly statusCode?: number } | null;
    const answeredMs = performance.now() - startedMs;
    // What fails early would look fast.
    if ((answer?.statusCode ?? 200) >= 300)
      throw new Error(`${start.handler} answered ${JSON.stringify(answer)}.`);
    return { readyMs: (lambda.readyMs ?? NaN) - startedMs, answeredMs };
  } finally {
    await lambda.close();
  }
}

/** One typical thing that each function is asked, of a fleet with one live session. */
async function eventsOf(
  cloud: Awaited<ReturnType<typeof startCloud>>,
): Promise<readonly (readonly [FunctionName, unknown])[]> {
  const key = await ensureAdminKey(cloud.url, cloud.state);
  const { session, token, hostToken } = await createHttp(cloud.url)({
    method: "POST",
    path: "/v1/sessions",
    answer: RegisterAnswer,
    bearer: key,
    body: { host: "bench", boot: "boot1", agent: "bench" },
  });
  const { id, epoch } = session;
  const beat = {
    host: "bench",
    boot: "boot1",
    seq: 1,
    sessions: [{ id, epoch, activity: "idle", tasks: [] }],
  };
  const requests = [
    httpEvent("POST", "/v1/heartbeat", hostToken, beat),
    httpEvent("POST", `/v1/sessions/${id}/claim`, token, {}),
    httpEvent("GET", "/v1/tasks", key),
    httpEvent("GET", "/v1/progress", key),
  ];
  const body = JSON.stringify({ type: "tasks.ready", fleet: "default", taskIds: ["none"] });
  const message = { messageId: "1", receiptHandle: "1", body, eventSource: "aws:sqs" };
  return [
    ...requests.map(({ fn, event }) => [fn, event] as const),
    ["dispatch", { Records: [message] }] as const,
  ];
}

function weightOf(weights: readonly FunctionWeight[], name: FunctionName): FunctionWeight {
  const weight = weights.find((one) => one.name === name);
  if (!weight) throw new Error(`${name} was not bundled.`);
  return weight;
}

function weightRow({ name, bytes }: FunctionWeight): BenchRow {
  const limit = name === "heartbeat" ? HEARTBEAT_LIMIT_KB : null;
  return {
    name: `${name} bundle`,
    ours: rounded(bytes / 1_000),
    unit: "KB",
    peer: null,
    limit,
    ratio: null,
    n: 1,
  };
}

/** What most of a start is: reading and running the bundle, or the first answer, which connects to the stores. */
function describe({ name, packages }: FunctionWeight, { ours, peer }: BenchRow, readyMs: number): string {
  const importing = Math.max(0, readyMs - (peer ?? 0));
  const [heaviest = [OWN, 0]] = packages.filter(([of]) => of !== OWN);
  const heavy = `${heaviest[0]} is the heaviest package, ${(heaviest[1] / 1_000).toFixed(0)} KB`;
  return `${name}: about ${importing.toFixed(0)} ms more than an empty handler until it is imported, ${(ours - readyMs).toFixed(0)} ms for the first answer; ${heavy}`;
}
