import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { CheckpointWritten, ResumeAnswer } from "../../shared/contract/checkpoint.ts";
import { RegisterAnswer } from "../../shared/contract/session.ts";
import { claude } from "../../agent/adapters/claude.ts";
import { startHookServer } from "../../agent/hooks/hook-server.ts";
import { createHttp } from "../../agent/http.ts";
import { openRoute } from "../../agent/supervise/agent-process.ts";
import { superviseSession } from "../../agent/supervise/supervised-session.ts";
import { createAgentApi } from "../../agent/worker/agent-api.ts";
import { createLife } from "../../agent/worker/life.ts";
import { monotonicMs } from "../../agent/worker/monotonic.ts";
import { startCloudProcess } from "../fixtures/cloud-process.ts";

/** A cloud with one session, whose last checkpoint is this state; and what is asked of both, in milliseconds. */
export type HooksAndResume = {
  /** How long the control plane takes to find what is unfinished and make its brief. */
  detectResume(): Promise<number>;
  /** How long the supervisor itself takes for a tool call: its intent, and its outcome. */
  answerHooks(call: number): Promise<number>;
  close(): Promise<void>;
};

export async function startHooksAndResume(state: unknown, cwd: string): Promise<HooksAndResume> {
  const stateDir = await mkdtemp(path.join(tmpdir(), "shim-bench-"));
  // In a process of its own: what it does with the calls it is told of would count as the supervisor's time.
  const cloud = await startCloudProcess({ stateDir, profile: "standard" });
  const key = cloud.adminKey;
  const http = createHttp(cloud.url);
  const { token } = await http({
    ...{ method: "POST", path: "/v1/sessions", answer: RegisterAnswer, bearer: key },
    body: { id: "bench", host: "bench", boot: "b", agent: "claude-code" },
  });
  await http({
    ...{ method: "POST", path: "/v1/sessions/bench/checkpoints", answer: CheckpointWritten, bearer: token },
    body: { trigger: "interval", state },
  });

  let answeredMs = 0;
  const server = await startHookServer((why) => {
    throw new Error(why);
  });
  const supervised = superviseSession({
    ...{ session: "bench", adapter: claude, program: ["claude"] as const, whenOffline: "open" as const },
    hookServer: {
      ...server,
      // Between the payload that was read and the answer that is to be sent: what the supervisor adds.
      open: (answer) =>
        server.open(async (payload) => {
          const began = performance.now();
          const answered = await answer(payload);
          answeredMs += performance.now() - began;
          return answered;
        }),
    },
    ...{ api: createAgentApi(http, key), log: () => undefined, onOutput: () => undefined },
  });
  const life = createLife({ epoch: 1, token, timeoutMs: 3_600_000, sentAtMs: monotonicMs() });
  supervised.begin({ held: null, life, lost: () => null }, cwd, "work");
  const route = openRoute(supervised.processParts);
  const post = (payload: object) =>
    fetch(route.url, {
      method: "POST",
      headers: { authorization: `Bearer ${route.token}` },
      body: JSON.stringify({ session_id: "s", cwd, tool_name: "Bash", ...payload }),
    });
  return {
    async detectResume() {
      const path = "/v1/sessions/bench/resume";
      const began = performance.now();
      const { resume } = await http({ method: "GET", path, answer: ResumeAnswer, bearer: key });
      const tookMs = performance.now() - began;
      if (resume === null) throw new Error("Nothing was detected.");
      return tookMs;
    },
    async answerHooks(call) {
      answeredMs = 0;
      const id = { tool_use_id: `call_${call}`, tool_input: { command: `make step-${call}` } };
      await post({ hook_event_name: "PreToolUse", ...id });
      await post({ hook_event_name: "PostToolUse", ...id, tool_response: { stdout: "x".repeat(2_000) } });
      return answeredMs;
    },
    async close() {
      await supervised.close();
      await server.close();
      await cloud.stop();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
