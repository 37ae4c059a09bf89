import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RequestMeter, startRequestMeter } from "../../infra/cost/request-meter.ts";
import { scratchDirectory } from "../fixtures/scratch.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const VITEST = path.join(ROOT, "node_modules/vitest/vitest.mjs");

/** The record and the events by themselves, and through every function. */
const CORE = [
  ...["record", "garbage", "sqs-events"].map((name) => `test/conformance/${name}`),
  ...["dispatch", "dependencies", "idempotency", "messages"].map((name) => `test/functions/${name}`),
];

let stores: ReturnType<typeof spawn>;
let dynamo: RequestMeter;
let aws: RequestMeter;
beforeAll(async () => {
  const program = path.join(import.meta.dirname, "programs/run-stores.ts");
  stores = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "ignore"] });
  if (!stores.stdout) throw new Error("The stores have no output.");
  const [line] = (await once(createInterface(stores.stdout), "line")) as [string];
  const addresses = JSON.parse(line) as { dynamo: string; aws: string };
  dynamo = await startRequestMeter(addresses.dynamo);
  aws = await startRequestMeter(addresses.aws);
});
afterAll(async () => {
  await dynamo.close();
  await aws.close();
  stores.kill("SIGKILL");
});

test("the core of this suite passes on other stores when nothing but their addresses is told", async () => {
  const report = path.join(scratchDirectory(), "report.json");
  const args = [VITEST, "run", "--reporter=json", `--outputFile=${report}`, ...CORE];
  const run = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, SHIM_DYNAMODB_ENDPOINT: dynamo.url, SHIM_AWS_ENDPOINT: aws.url },
    stdio: "ignore",
  });
  await once(run, "exit");
  const { numTotalTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, "utf8")) as {
    numTotalTests: number;
    numFailedTests: number;
    testResults: { name: string; assertionResults: { fullName: string; status: string }[] }[];
  };
  const failed = testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === "failed").map(({ fullName }) => fullName),
  );
  expect(failed).toEqual([]);
  expect(numFailedTests).toBe(0);
  expect(numTotalTests).toBeGreaterThan(200);
  expect(run.exitCode).toBe(0);
  // It was those stores that answered.
  expect(dynamo.take().length).toBeGreaterThan(3_000);
  expect(new Set(aws.take())).toEqual(
    new Set([
      "CreateQueue",
      "SendMessageBatch",
      "SendMessage",
      "ReceiveMessage",
      "DeleteMessage",
      "PUT",
      "GET",
    ]),
  );
});
