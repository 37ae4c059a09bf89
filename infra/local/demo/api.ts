import { setTimeout as wait } from "node:timers/promises";
import * as z from "zod/mini";
import { SessionsAnswer } from "../../../shared/contract/session.ts";
import type { Session } from "../../../shared/contract/session.ts";
import { TaskPage, TasksAnswer } from "../../../shared/contract/task.ts";
import type { Task, TaskSubmission } from "../../../shared/contract/task.ts";
import { reasonOf } from "../start-error.ts";
import { GROUP } from "./plan.ts";

/** What an operator sees and does, over the public API. */
export type DemoApi = {
  submit(tasks: readonly z.infer<typeof TaskSubmission>[]): Promise<Task[]>;
  /** Every task of the demo. */
  tasks(): Promise<Task[]>;
  sessions(): Promise<Session[]>;
};

const TRIES = 20;
const RETRY_MS = 250;
const TRY_WITHIN_MS = 10_000;

export function createDemoApi(url: string, key: string): DemoApi {
  async function request<S extends z.ZodMiniType>(
    path: string,
    answer: S,
    body?: unknown,
  ): Promise<z.infer<S>> {
    for (let tries = 1; ; tries++) {
      const outcome = await attempt(`${url}${path}`, key, body);
      if (outcome.kind === "answered") return z.parse(answer, JSON.parse(outcome.text));
      if (outcome.kind === "refused" || tries === TRIES) throw new Error(`${path}: ${outcome.why}`);
      await wait(RETRY_MS);
    }
  }

  /** All pages of a listing. */
  async function list<T>(read: (cursor: string) => Promise<{ entries: T[]; cursor: string | null }>) {
    const all: T[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: { entries: T[]; cursor: string | null } = await read(cursor && `cursor=${cursor}`);
      all.push(...page.entries);
      cursor = page.cursor;
    }
    return all;
  }

  return {
    submit: async (tasks) => (await request("/v1/tasks", TasksAnswer, tasks)).tasks,
    tasks: () =>
      list(async (query) => {
        const page = await request(`/v1/tasks?group=${GROUP}&${query}`, TaskPage);
        return { entries: page.tasks, cursor: page.cursor };
      }),
    sessions: () =>
      list(async (query) => {
        const page = await request(`/v1/sessions?${query}`, SessionsAnswer);
        return { entries: page.sessions, cursor: page.cursor };
      }),
  };
}

type Outcome =
  | { readonly kind: "answered"; readonly text: string }
  | { readonly kind: "refused" | "unavailable"; readonly why: string };

/** One try. While Redis is gone, a 503 is an honest answer, and asking again is what it asks for. */
async function attempt(url: string, key: string, body: unknown): Promise<Outcome> {
  try {
    const response = await fetch(url, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        authorization: `Bearer ${key}`,
        "shim-protocol": "1",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(TRY_WITHIN_MS),
    });
    const text = await response.text();
    if (response.ok) return { kind: "answered", text };
    const transient = response.status === 429 || response.status >= 500;
    return { kind: transient ? "unavailable" : "refused", why: `${response.status} ${text}` };
  } catch (error) {
    return { kind: "unavailable", why: reasonOf(error) };
  }
}
