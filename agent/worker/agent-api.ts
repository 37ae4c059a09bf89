import * as z from "zod/mini";
import { type HeartbeatRequest } from "../../shared/contract/heartbeat.ts";
import { HeartbeatAnswer } from "../../shared/contract/heartbeat-answer.ts";
import {
  type Checkpoint,
  CheckpointAnswer,
  type CheckpointRequest,
  CheckpointWritten,
} from "../../shared/contract/checkpoint.ts";
import {
  ClaimAnswer,
  type EndRequest,
  ExposuresAnswer,
  type ExposuresRequest,
  HeldTask,
  RegisterAnswer,
  type RegisterRequest,
  SessionAnswer,
} from "../../shared/contract/session.ts";
import { Task, TaskAnswer } from "../../shared/contract/task.ts";
import type { Http, HttpRequest } from "../http.ts";

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
  const post = <S extends z.ZodMiniType>(
    path: string,
    request: Pick<HttpRequest<S>, "answer" | "bearer" | "body"> & Partial<HttpRequest<S>>,
  ): Promise<z.infer<S>> => http({ method: "POST", path, ...request });

  return {
    register: (
      body: RegisterRequest,
      hostToken: string | null,
      idempotencyKey: string,
    ): Promise<RegisterAnswer> => {
      // Repeating a registration whose answer was lost must not count as another restart.
      const headers = {
        "idempotency-key": idempotencyKey,
        ...(hostToken === null ? {} : { "shim-host-token": hostToken }),
      };
      return post("/v1/sessions", { answer: RegisterAnswer, bearer: key, body, headers });
    },

    /** One try: the next beat is the retry. */
    beat: (
      url: string,
      bearer: string,
      body: HeartbeatRequest,
      tryTimeoutMs: number,
    ): Promise<HeartbeatAnswer> =>
      post(url, { answer: HeartbeatAnswer, bearer, body, tries: 1, tryTimeoutMs }),

    claim: async (
      session: string,
      bearer: string,
      max: number,
      signal?: AbortSignal,
    ): Promise<HeldTask[]> => {
      const path = `/v1/sessions/${session}/claim`;
      return (await post(path, { answer: ClaimAnswer, bearer, body: { max }, signal, tries: 3 })).tasks;
    },

    end: async (session: string, bearer: string, body: EndRequest): Promise<void> => {
      await post(`/v1/sessions/${session}/end`, { answer: SessionAnswer, bearer, body });
    },

    tellExposures: async (session: string, bearer: string, body: ExposuresRequest): Promise<void> => {
      await post(`/v1/sessions/${session}/exposures`, { answer: ExposuresAnswer, bearer, body, tries: 2 });
    },

    /** One try: the caller decides how long the outcome is worth repeating. */
    report: async (
      task: string,
      bearer: string,
      { route, body }: TaskReport,
      signal?: AbortSignal,
    ): Promise<HeldTask | null> => {
      const path = `/v1/tasks/${task}/${route}`;
      return (await post(path, { answer: CompleteAnswer, bearer, body, signal, tries: 1 })).next ?? null;
    },

    /** Also a task that nobody of this host holds. */
    task: async (task: string): Promise<Task> =>
      (await http({ method: "GET", path: `/v1/tasks/${task}`, answer: TaskAnswer, bearer: key })).task,

    progress: async (
      task: string,
      bearer: string,
      body: { fence: number; percent: number; message?: string },
    ): Promise<void> => {
      await post(`/v1/tasks/${task}/progress`, { answer: TaskAnswer, bearer, body, tries: 1 });
    },

    checkpoint: (
      session: string,
      bearer: string,
      body: CheckpointRequest,
      signal?: AbortSignal,
    ): Promise<CheckpointWritten> => {
      const path = `/v1/sessions/${session}/checkpoints`;
      return post(path, { answer: CheckpointWritten, bearer, body, signal, tries: 2 });
    },

    /** The latest checkpoint of a task that this session holds, whoever made it. */
    taskCheckpoint: async (session: string, bearer: string, task: string): Promise<Checkpoint> => {
      const path = `/v1/sessions/${session}/checkpoints/latest?taskId=${encodeURIComponent(task)}`;
      return (await http({ method: "GET", path, answer: CheckpointAnswer, bearer, tries: 3 })).checkpoint;
    },

    /** Tells what a hook said, for the record; nothing follows from it. */
    observe: async (client: string, bearer: string, payload: object): Promise<void> => {
      const path = `/v1/hooks/${client}?observe=1`;
      await post(path, { answer: z.unknown(), bearer, body: payload, tries: 2 });
    },

    release: (
      task: string,
      bearer: string,
      body: { fence: number; reason: string },
    ): Promise<z.infer<typeof TaskAnswer>> =>
      post(`/v1/tasks/${task}/release`, { answer: TaskAnswer, bearer, body, tries: 3 }),
  };
}
