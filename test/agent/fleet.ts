import { randomBytes } from "node:crypto";
import type { ProfileName } from "../../shared/contract/profile.ts";
import * as z from "zod/mini";
import { FleetAnswer } from "../../shared/contract/fleet.ts";
import { type Session, SessionsAnswer } from "../../shared/contract/session.ts";
import { type Task, TaskAnswer, TasksAnswer } from "../../shared/contract/task.ts";
import { createHttp } from "../../agent/http.ts";
import { eventually } from "./processes.ts";

/** A fleet of its own for one test, and what the test asks the server about it. */
export type TestFleet = {
  readonly url: string;
  readonly key: string;
  submit(
    ...tasks: readonly { readonly id: string; readonly data?: unknown; readonly maxAttempts?: number }[]
  ): Promise<void>;
  task(id: string): Promise<Task>;
  sessions(): Promise<Session[]>;
  cancel(id: string): Promise<void>;
  /** Waits until the task is in this state. */
  reached(id: string, state: Task["state"], limitMs?: number): Promise<Task>;
};

export async function createFleet(
  cloud: { readonly url: string; readonly rootKey: string },
  profile: ProfileName = "standard",
): Promise<TestFleet> {
  const http = createHttp(cloud.url);
  const body = { id: `fleet_${randomBytes(6).toString("hex")}`, profile };
  const { adminKey: key } = await http({
    method: "POST",
    path: "/v1/fleets",
    answer: FleetAnswer,
    bearer: cloud.rootKey,
    body,
  });
  const task: TestFleet["task"] = async (id) =>
    (await http({ method: "GET", path: `/v1/tasks/${id}`, answer: TaskAnswer, bearer: key })).task;
  return {
    url: cloud.url,
    key,
    task,
    async submit(...tasks) {
      const submissions = tasks.map((one) => ({ type: "test", data: {}, ...one }));
      await http({ method: "POST", path: "/v1/tasks", answer: TasksAnswer, bearer: key, body: submissions });
    },
    sessions: async () =>
      (await http({ method: "GET", path: "/v1/sessions", answer: SessionsAnswer, bearer: key })).sessions,
    async cancel(id) {
      await http({
        method: "POST",
        path: `/v1/tasks/${id}/cancel`,
        answer: z.unknown(),
        bearer: key,
        body: {},
      });
    },
    reached: (id, state, limitMs = 45_000) =>
      eventually(
        `task ${id} is ${state}`,
        async () => {
          const now = await task(id);
          return now.state === state && now;
        },
        limitMs,
      ),
  };
}
