import * as z from "zod/mini";
import { HeartbeatAnswer, type HeartbeatRequest } from "../../shared/contract/heartbeat.ts";
import {
  ClaimAnswer,
  type EndRequest,
  HeldTask,
  RegisterAnswer,
  type RegisterRequest,
  SessionAnswer,
} from "../../shared/contract/session.ts";
import { Task, TaskAnswer } from "../../shared/contract/task.ts";
import type { Http } from "../http.ts";

/** What the server says once a task has ended: the next one this session now holds, or null. */
export const CompleteAnswer = z.object({ task: Task, next: z.optional(z.nullable(HeldTask)) });

export type TaskReport =
  | {
      readonly route: "complete";
      readonly body: { readonly fence: number; readonly result: unknown; readonly evidence?: unknown };
    }
  | {
      readonly route: "fail";
      readonly body: {
        readonly fence: number;
        readonly error: { message: string; code?: string };
        readonly retryable: boolean;
      };
    };

/** The routes of a worker, each with the key or token it takes. */
export type AgentApi = ReturnType<typeof createAgentApi>;

export function createAgentApi(http: Http, key: string) {
  return {
    register: async (
      body: RegisterRequest,
      hostToken: string | null,
      idempotencyKey: string,
    ): Promise<RegisterAnswer> =>
      await http({
        method: "POST",
        path: "/v1/sessions",
        answer: RegisterAnswer,
        bearer: key,
        body,
        // Repeating a registration whose answer was lost must not count as another restart.
        headers: {
          "idempotency-key": idempotencyKey,
          ...(hostToken === null ? {} : { "shim-host-token": hostToken }),
        },
      }),

    /** One try: the next beat is the retry. */
    beat: async (
      url: string,
      hostToken: string,
      body: HeartbeatRequest,
      timeoutMs: number,
    ): Promise<HeartbeatAnswer> =>
      await http({
        method: "POST",
        path: url,
        answer: HeartbeatAnswer,
        bearer: hostToken,
        body,
        tries: 1,
        tryTimeoutMs: timeoutMs,
      }),

    claim: async (session: string, token: string, max: number, signal?: AbortSignal): Promise<HeldTask[]> => {
      const path = `/v1/sessions/${session}/claim`;
      return (
        await http({
          method: "POST",
          path,
          answer: ClaimAnswer,
          bearer: token,
          body: { max },
          signal,
          tries: 3,
        })
      ).tasks;
    },

    end: async (session: string, token: string, body: EndRequest): Promise<void> => {
      await http({
        method: "POST",
        path: `/v1/sessions/${session}/end`,
        answer: SessionAnswer,
        bearer: token,
        body,
      });
    },

    /** One try: the caller decides how long the outcome is worth repeating. */
    report: async (
      task: string,
      token: string,
      report: TaskReport,
      signal?: AbortSignal,
    ): Promise<HeldTask | null> => {
      const path = `/v1/tasks/${task}/${report.route}`;
      const { next } = await http({
        method: "POST",
        path,
        answer: CompleteAnswer,
        bearer: token,
        body: report.body,
        signal,
        tries: 1,
      });
      return next ?? null;
    },

    progress: async (
      task: string,
      token: string,
      body: { fence: number; percent: number; message?: string },
    ): Promise<void> => {
      await http({
        method: "POST",
        path: `/v1/tasks/${task}/progress`,
        answer: TaskAnswer,
        bearer: token,
        body,
        tries: 1,
      });
    },

    release: async (
      task: string,
      token: string,
      body: { fence: number; reason: string },
    ): Promise<z.infer<typeof TaskAnswer>> => {
      const path = `/v1/tasks/${task}/release`;
      return await http({ method: "POST", path, answer: TaskAnswer, bearer: token, body, tries: 3 });
    },
  };
}
