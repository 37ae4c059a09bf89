import type { Redis } from "ioredis";
import { type Cloud, startCloud } from "../local/cloud.ts";
import { ensureAdminKey } from "../local/admin-key.ts";
import type { Overrides } from "../local/functions.ts";
import { type Use, createInvocationMeter, startMeters } from "./meters.ts";
import type { Ask } from "./per-task.ts";

/** What was used since the last time it was asked for, with bytes. */
export type Taken = { readonly use: Use; readonly logBytes: number; readonly answerBytes: number };

/** An embedded cloud whose every billable operation is counted. One for each process. */
export type MeteredCloud = {
  readonly adminKey: string;
  readonly rootKey: string;
  readonly ask: Ask;
  /** A connection whose commands count as the functions' do. */
  readonly redis: Redis;
  take(): Promise<Taken>;
  readonly runSweep: Cloud["runSweep"];
  close(): Promise<void>;
};

/**
 * Starts it. Standard output is the functions' log from then on: it is counted and not shown.
 *
 * @param functions handlers that stand in for real ones, by function
 */
export async function startMeteredCloud(functions: Overrides): Promise<MeteredCloud> {
  process.env.AWS_LAMBDA_LOG_LEVEL = "INFO";
  const invocations = createInvocationMeter();
  const cloud = await startCloud({
    stateDir: null,
    profile: "standard",
    redisEngine: "redis-server",
    schedule: false,
    functions,
    onInvocation: invocations.onInvocation,
  });
  const meters = await startMeters(cloud, invocations);
  process.env.POWERTOOLS_METRICS_DISABLED = "false"; // As deployed: they are lines of the log.
  let logBytes = 0;
  let answerBytes = 0;
  process.stdout.write = (chunk: string | Uint8Array) => {
    logBytes += Buffer.byteLength(chunk);
    return true;
  };
  const redis = cloud.redis.connect();
  const adminKey = await ensureAdminKey(cloud.url, cloud.state);
  return {
    adminKey,
    redis,
    rootKey: cloud.state.credentials.rootKey,
    async ask(method, path, bearer, body) {
      const response = await fetch(`${cloud.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${bearer}`,
          "content-type": "application/json",
          "shim-protocol": "1",
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path} answered ${response.status} ${text}`);
      answerBytes += Buffer.byteLength(text);
      return JSON.parse(text) as unknown;
    },
    async take() {
      const taken = { use: await meters.take(), logBytes, answerBytes };
      [logBytes, answerBytes] = [0, 0];
      return taken;
    },
    runSweep: (by) => cloud.runSweep(by),
    async close() {
      redis.disconnect();
      await meters.close();
      await cloud.close();
    },
  };
}
