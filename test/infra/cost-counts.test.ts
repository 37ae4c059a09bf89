import { afterAll, describe, expect, it } from "vitest";
import { findRedisServer } from "../../infra/local/redis-server-child.ts";
import { type Meters, createInvocationMeter, startMeters } from "../../infra/cost/meters.ts";
import { measureBeat } from "../../infra/cost/measure-work.ts";
import { type Ask, measureTasks } from "../../infra/cost/per-task.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";

const TASKS = 100;

const missing = findRedisServer() === undefined;

describe.skipIf(missing)(
  `what is billed${missing ? ": SKIPPED because redis-server is not on PATH" : ""}`,
  () => {
    const invocations = createInvocationMeter();
    let meters: Meters | undefined;
    const cloud = useEmbeddedCloud(
      {
        redisEngine: "redis-server",
        profile: "standard",
        schedule: false,
        functions: { sweep: "infra/cost/no-sweep.handler" },
        onInvocation: invocations.onInvocation,
      },
      async (started) => {
        meters = await startMeters(started, invocations);
      },
    );
    afterAll(() => meters?.close());
    const metered = (): Meters => {
      if (!meters) throw new Error("The meters run only inside of tests.");
      return meters;
    };
    const ask: Ask = async (method, path, key, body) => {
      const answer = await cloud().request(method, path, { key, body });
      expect(answer.status).toBeLessThan(300);
      return answer.body;
    };

    it("of a task: exactly so many units, invocations and requests, and at most 8 Redis commands", async () => {
      const load = { tasks: TASKS, perSubmission: 20, sessions: 4 };
      const each = await measureTasks(ask, cloud().adminKey, metered(), load);
      // Its head 4, its place in the index 2, what its session holds 1, its unit 1, its mark 0.05; a submission and its marks 1 of 20.
      expect(each.writeUnits).toBeCloseTo(8.05, 5);
      // The answer to complete; and of 20 the submission and its dispatch.
      expect(each.invocations).toBeCloseTo(1 + 2 / 20, 5);
      // Of 20: sent, received and deleted.
      expect(each.sqs).toBeCloseTo(3 / 20, 5);
      expect(each.s3).toBe(0);
      // A take 3 and its end 1, the session 2, the lease 1; of 20 a submission's 4 and a dispatch's 5. Which requirements wait
      // is asked once in 5 s: never while these tasks are worked off, or of a slow machine a few times.
      expect(each.redis).toBeGreaterThanOrEqual(7 + 9 / 20);
      expect(each.redis).toBeLessThan(7 + 9 / 20 + 0.15);
    });

    it("of a steady beat of a host with 10 sessions: 2 Redis commands, one invocation, nothing else", async () => {
      const take = async () => ({ use: await metered().take(), logBytes: 0, answerBytes: 0 });
      const beat = await measureBeat({ ask, adminKey: cloud().adminKey, take });
      expect(beat).toMatchObject({ redis: 2, writeUnits: 0, readUnits: 0 });
      expect(Object.entries(beat.invoked).map(([fn, { count }]) => [fn, count])).toEqual([["heartbeat", 1]]);
    });
  },
);
