import { describe, expect, it } from "vitest";
import { FLEET, type World, createWorld, must } from "../fixtures/memory-world.ts";
import { JOURNAL_CALLS_LIMIT } from "../../shared/contract/limits.ts";
import { cancelTask } from "../../shared/operations/cancel-task.ts";
import { drainSession, endSession } from "../../shared/operations/end-session.ts";
import { observeHook, recordHook } from "../../shared/operations/record-hook.ts";
import { readLatestCheckpoint } from "../../shared/operations/read-checkpoint.ts";
import { recoverSession } from "../../shared/operations/recover-session.ts";
import { completeTask, failTask, releaseTask } from "../../shared/operations/settle-task.ts";
import { timeoutTask } from "../../shared/operations/timeout-task.ts";
import { writeCheckpoint } from "../../shared/operations/write-checkpoint.ts";

type Chat = Awaited<ReturnType<World["register"]>>;

const bash = (id: string, command = "npm test") => ({
  ...{ hook_event_name: "PreToolUse", tool_use_id: id, tool_name: "Bash" },
  tool_input: { command, description: "run it" },
});
const after = (id: string, event = "PostToolUse", tool_response: unknown = { stdout: "secret output" }) => ({
  ...{ hook_event_name: event, tool_use_id: id, tool_name: "Bash", tool_response },
});
const stop = (stop_hook_active = false) => ({ hook_event_name: "Stop", stop_hook_active });

const reasonOf = (answer: object): string =>
  String(
    (answer as { hookSpecificOutput?: { permissionDecisionReason?: string } }).hookSpecificOutput
      ?.permissionDecisionReason,
  );
const denied = (answer: object) =>
  (answer as { hookSpecificOutput?: { permissionDecision?: string } }).hookSpecificOutput
    ?.permissionDecision === "deny";
const journal = async (world: World, session = "s1") =>
  (await world.ports.record.journals.get(FLEET, session))?.calls ?? [];
const hook = (world: World, chat: Chat, payload: Parameters<typeof recordHook>[2]) =>
  recordHook(world.ports, chat.claims, payload);

async function working(more: object = {}) {
  const world = createWorld();
  const chat = await world.register("s1");
  await world.submit({ id: "a", ...more });
  const [held] = await world.claim(chat);
  return { world, chat, fence: held?.fence ?? 0 };
}

/** The task that waits goes to another session. */
async function handOver(world: World) {
  must(await drainSession(world.ports, FLEET, "s1"));
  const other = await world.register("s2", { host: "h2", boot: "b2" });
  world.advance(300_000);
  await world.deliver();
  const [held] = await world.claim(other);
  expect(await world.task("a")).toMatchObject({ state: "running", owner: { session: "s2" } });
  return { other, held: held?.fence ?? 0 };
}

describe("a tool call", () => {
  it("is noted before it runs, with the task it is for, and its end after", async () => {
    const { world, chat, fence } = await working();
    expect(await hook(world, chat, bash("c1"))).toEqual({});
    const begun = { id: "c1", name: "Bash", summary: "npm test", taskId: "a", fence };
    expect(await journal(world)).toEqual([
      { ...begun, outcome: "unknown", startedAtMs: world.nowMs(), endedAtMs: null },
    ]);
    world.advance(5);
    expect(await hook(world, chat, after("c1"))).toEqual({});
    expect(await journal(world)).toMatchObject([{ ...begun, outcome: "ok", endedAtMs: world.nowMs() }]);
  });

  it("that failed is noted so, by its hook or by what its answer says of it", async () => {
    const { world, chat } = await working();
    const ends = [
      after("c1", "PostToolUseFailure"),
      after("c2", "PostToolUse", { output: "no", metadata: { exit_code: 1 } }),
      after("c3", "PostToolUse", { is_error: true }),
      after("c4", "PostToolUse", "a text that says exit code 1"),
      after("c5", "PostToolUse", { exit_code: 0 }),
    ];
    for (const { tool_use_id } of ends) await hook(world, chat, bash(tool_use_id));
    for (const end of ends) await hook(world, chat, end);
    expect((await journal(world)).map(({ outcome }) => outcome)).toEqual([
      "failed",
      "failed",
      "failed",
      "ok",
      "ok",
    ]);
  });

  it("told of twice, late or out of order changes nothing that was said first", async () => {
    const { world, chat } = await working();
    await hook(world, chat, after("never-begun"));
    expect(await journal(world)).toEqual([]);
    await hook(world, chat, bash("c1"));
    await hook(world, chat, after("c1", "PostToolUseFailure"));
    const before = await journal(world);
    world.advance(1_000);
    await hook(world, chat, bash("c1"));
    await hook(world, chat, after("c1"));
    expect(await journal(world)).toEqual(before);
  });

  it("of long ago is forgotten: the latest are kept", async () => {
    const { world, chat } = await working();
    for (let i = 0; i < JOURNAL_CALLS_LIMIT + 5; i++) await hook(world, chat, bash(`c${i}`));
    const calls = await journal(world);
    expect(calls).toHaveLength(JOURNAL_CALLS_LIMIT);
    expect(calls.at(-1)?.id).toBe(`c${JOURNAL_CALLS_LIMIT + 4}`);
  });

  it("leaves one line behind, without secrets, and nothing of what the tool answered", async () => {
    const { world, chat } = await working();
    const key = `ghp_${"a1B2c3D4e5".repeat(3)}abcdef`;
    await hook(world, chat, bash("c1", `curl -H "Authorization: Bearer ${key}" \\\n  https://x.example`));
    await hook(world, chat, bash("c2", `${"x".repeat(190)} ${key} tail`));
    await hook(world, chat, {
      ...bash("c3"),
      tool_name: "Write",
      tool_input: { file_path: "a.ts", content: key },
    });
    await hook(world, chat, { ...bash("c4"), tool_name: "Odd", tool_input: { apiKey: key } });
    await hook(world, chat, after("c1"));
    const calls = await journal(world);
    expect(JSON.stringify(calls)).not.toMatch(/ghp_|secret output/);
    for (const { summary } of calls) {
      expect(summary.length).toBeLessThanOrEqual(200);
      expect(summary).not.toContain("\n");
    }
    expect(calls[2]?.summary).toBe("a.ts");
  });

  it("of a session with several tasks names none; SHIM's own tools are no work", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    await world.submit({ id: "a" }, { id: "b" });
    await world.claim(chat, 2);
    await hook(world, chat, bash("c1"));
    await hook(world, chat, { ...bash("c2"), tool_name: "mcp__shim__complete_task" });
    expect(await journal(world)).toMatchObject([{ id: "c1", taskId: null }]);
  });
});

describe("a session that counts no more", () => {
  it.each([
    [
      "started again",
      async (world: World) => {
        await world.register("s1");
      },
    ],
    [
      "given up",
      (world: World) =>
        recoverSession(world.ports, FLEET, "s1", 1, {
          endsAs: "crashed",
          cause: "silent",
          lastBeatAtMs: null,
        }),
    ],
    [
      "ended",
      async (world: World, { claims }: Chat) => {
        must(await endSession(world.ports, claims, "s1", { reason: "completed" }));
      },
    ],
  ])("because it was %s is denied its next tool, told why, and leaves no trace", async (_, end) => {
    const { world, chat } = await working();
    await end(world, chat);
    const answer = await hook(world, chat, bash("c1"));
    expect(denied(answer)).toBe(true);
    expect(reasonOf(answer)).toMatch(/replaced or given up.*Stop.*publish nothing/s);
    expect(await hook(world, chat, stop())).toEqual({});
    expect(await observeHook(world.ports, chat.claims, bash("c2"))).toEqual({});
    expect(await journal(world)).toEqual([]);
  });

  it("may still say how its last call ended, until its successor makes one, and call SHIM's own tools", async () => {
    const { world, chat } = await working();
    await hook(world, chat, bash("c1"));
    const again = await world.register("s1");
    await hook(world, chat, after("c1"));
    expect(await journal(world)).toMatchObject([{ id: "c1", outcome: "ok" }]);
    await hook(world, again, bash("c1"));
    await hook(world, chat, after("c1"));
    expect(await journal(world)).toMatchObject([{ id: "c1", outcome: "unknown" }]);
    expect(await hook(world, chat, { ...bash("c2"), tool_name: "mcp__shim__status" })).toEqual({});
  });
});

describe("a task that was taken", () => {
  it("by being cancelled has the next tool denied, naming it, until the session works on another", async () => {
    const { world, chat } = await working();
    await hook(world, chat, bash("c1"));
    must(await cancelTask(world.ports, FLEET, "a", null));
    const answer = await hook(world, chat, bash("c2"));
    expect(reasonOf(answer)).toMatch(/task a was cancelled.*claim_task/s);
    expect(await hook(world, chat, { ...bash("c3"), tool_name: "mcp__shim__claim_task" })).toEqual({});
    await world.submit({ id: "b" });
    await world.claim(chat);
    expect(await hook(world, chat, bash("c4"))).toEqual({});
  });

  it("by its time limit has it denied too, also while another works on it", async () => {
    const { world, chat, fence } = await working({ timeoutMs: 1_000 });
    await hook(world, chat, bash("c1"));
    world.advance(1_001);
    await timeoutTask(world.ports, FLEET, "a", fence);
    expect(reasonOf(await hook(world, chat, bash("c2")))).toContain("task a was taken");
    await handOver(world);
    expect(denied(await hook(world, chat, bash("c3")))).toBe(true);
  });

  it("is not one that the session settled itself, nor one of which that is not sure any more", async () => {
    for (const settle of ["complete", "fail", "release"] as const) {
      const { world, chat, fence } = await working();
      await hook(world, chat, bash("c1"));
      const { ports } = world;
      if (settle === "complete") must(await completeTask(ports, chat.claims, "a", { fence, result: 1 }));
      if (settle === "release") must(await releaseTask(ports, chat.claims, "a", { fence }));
      if (settle === "fail")
        must(await failTask(ports, chat.claims, "a", { fence, error: { message: "no" } }));
      expect([settle, await hook(world, chat, bash("c2"))]).toEqual([settle, {}]);
      if (settle === "complete") continue;
      const { other, held } = await handOver(world);
      expect([settle, await hook(world, chat, bash("c3"))]).toEqual([settle, {}]);
      must(await completeTask(ports, other.claims, "a", { fence: held, result: 1 }));
      expect([settle, await hook(world, chat, bash("c4"))]).toEqual([settle, {}]);
    }
  });

  it("is no reason for a session that still works on another, or never used a tool for one", async () => {
    const { world, chat } = await working();
    await world.submit({ id: "b" });
    await world.claim(chat, 2);
    must(await cancelTask(world.ports, FLEET, "a", null));
    expect(await hook(world, chat, bash("c1"))).toEqual({});
    must(await cancelTask(world.ports, FLEET, "b", null));
    const idle = await world.register("s2");
    expect(await hook(world, idle, bash("c2"))).toEqual({});
  });
});

describe("an agent that is about to stop", () => {
  it("is reminded once of what it holds, with how to end it", async () => {
    const { world, chat, fence } = await working();
    const answer = await hook(world, chat, stop());
    expect(answer).toMatchObject({ decision: "block" });
    expect(String(answer["reason"])).toMatch(
      new RegExp(`a \\(fence ${fence}\\).*complete_task.*fail_task`, "s"),
    );
    expect(await hook(world, chat, stop(true))).toEqual({});
  });

  it("goes on with the next task, which it then holds; and stops when there is none", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    expect(await hook(world, chat, stop())).toEqual({});
    await world.submit({ id: "a", data: { prompt: "Fix the parser." } });
    for (const reminded of [true]) {
      const answer = await hook(world, chat, stop(reminded));
      expect(answer).toMatchObject({ decision: "block" });
      expect(String(answer["reason"])).toMatch(/^Fix the parser\..*task a, fence 1.*complete_task/s);
    }
    expect(await world.task("a")).toMatchObject({ state: "running", owner: { session: "s1" } });
    expect(await hook(world, chat, stop(true))).toEqual({});
  });
});

describe("a hook that is only observed", () => {
  it("writes the journal, and decides and claims nothing", async () => {
    const { world, chat, fence } = await working();
    await world.submit({ id: "b" });
    const observe = (payload: Parameters<typeof observeHook>[2]) =>
      observeHook(world.ports, chat.claims, payload);
    expect(await observe(bash("c1"))).toEqual({});
    expect(await observe(after("c1"))).toEqual({});
    expect(await observe(stop())).toEqual({});
    must(await cancelTask(world.ports, FLEET, "a", null));
    expect(await observe(bash("c2"))).toEqual({});
    expect(await journal(world)).toMatchObject([
      { id: "c1", outcome: "ok", taskId: "a", fence },
      { id: "c2", outcome: "unknown" },
    ]);
    expect((await world.task("b")).state).toBe("queued");
  });
});

it("events that are not known, or bring nothing to note, let the agent go on", async () => {
  const { world, chat } = await working();
  for (const payload of [
    { hook_event_name: "FutureEvent" },
    { hook_event_name: "Notification" },
    { hook_event_name: "PreToolUse" },
    { hook_event_name: "PreToolUse", tool_use_id: "x".repeat(10_000), tool_name: "Bash" },
    { hook_event_name: "PostToolUse", tool_use_id: "unheard" },
  ])
    expect(await hook(world, chat, payload)).toEqual({});
  expect(await journal(world)).toEqual([]);
});

describe("a compaction", () => {
  const compact = { hook_event_name: "PreCompact" };
  const restarted = { hook_event_name: "SessionStart", source: "compact" };
  const toldAfter = async (world: World, chat: Chat) => {
    const answer = await hook(world, chat, restarted);
    return (answer as { hookSpecificOutput?: { additionalContext?: string } }).hookSpecificOutput
      ?.additionalContext;
  };
  const latest = async (world: World) =>
    must(await readLatestCheckpoint(world.ports, { fleet: FLEET, session: "s1", claims: null })).checkpoint;

  it("is preceded by a checkpoint of what the journal knows, of the task that is held", async () => {
    const { world, chat } = await working();
    await hook(world, chat, bash("c1", "make build"));
    await hook(world, chat, after("c1"));
    await hook(world, chat, bash("c2", "make deploy"));
    expect(await hook(world, chat, compact)).toEqual({});
    expect(await latest(world)).toMatchObject({
      ...{ trigger: "pre_compact", taskId: "a", epoch: 1 },
      state: {
        tools: {
          recent: [{ id: "c1", summary: "make build", outcome: "ok" }],
          pending: [{ id: "c2", summary: "make deploy", outcome: "unknown" }],
        },
      },
    });
  });

  it("loses nothing of an earlier checkpoint that stays true, and writes none where nothing is known", async () => {
    const { world, chat, fence } = await working();
    await hook(world, chat, compact);
    expect(
      await readLatestCheckpoint(world.ports, { fleet: FLEET, session: "s1", claims: null }),
    ).toMatchObject({
      refused: "checkpoint.not_found",
    });
    const state = { task: { done: ["parser"], next: ["tests"] }, files: { diff: "old" }, mine: 1 };
    must(
      await writeCheckpoint(world.ports, chat.claims, { trigger: "milestone", taskId: "a", fence, state }),
    );
    await hook(world, chat, bash("c1"));
    await hook(world, chat, compact);
    const kept = await latest(world);
    expect(kept.state).toMatchObject({ task: state.task, tools: { pending: [{ id: "c1" }] } });
    expect(kept.state).not.toHaveProperty("files");
  });

  it("is followed by an account of what is held, done, next and unknown", async () => {
    const { world, chat, fence } = await working({ data: "Fix the parser." });
    const state = { task: { done: ["wrote the lexer"], next: ["write tests"], blockers: ["no network"] } };
    must(
      await writeCheckpoint(world.ports, chat.claims, { trigger: "milestone", taskId: "a", fence, state }),
    );
    for (const [id, command] of [
      ["c1", "make build"],
      ["c2", "make check"],
      ["c3", "make deploy"],
    ] as const)
      await hook(world, chat, bash(id, command));
    await hook(world, chat, after("c1"));
    await hook(world, chat, after("c2", "PostToolUseFailure"));
    const text = (await toldAfter(world, chat)) ?? "";
    for (const words of [
      /a \(fence 1\): Fix the parser\./,
      /do not repeat:\n- wrote the lexer/,
      /Next:\n- write tests/,
      /Blocked by:\n- no network/,
      /look before you repeat them:\n- Bash: make deploy/,
      /failed:\n- Bash: make check/,
      /ran to their end:\n- Bash: make build/,
    ])
      expect(text).toMatch(words);
  });

  it("is followed by nothing where nothing is known, or by an account that fits", async () => {
    const world = createWorld();
    const chat = await world.register("s1");
    expect(await toldAfter(world, chat)).toBeUndefined();
    const many = Array.from({ length: 500 }, (_, i) => `step ${i} ${"x".repeat(1_000)}`);
    const state = { task: { done: many, next: many, blockers: many } };
    must(await writeCheckpoint(world.ports, chat.claims, { trigger: "milestone", state }));
    const text = (await toldAfter(world, chat)) ?? "";
    expect(text.length).toBeLessThanOrEqual(8_000);
    expect(text).toContain("step 499");
    await world.register("s1");
    expect(await toldAfter(world, chat), "of a start that counts no more").toBeUndefined();
  });
});

describe("an agent that starts", () => {
  const started = async (world: World, chat: Chat, source: string) => {
    const answer = await hook(world, chat, { hook_event_name: "SessionStart", source });
    return (answer as { hookSpecificOutput?: { additionalContext?: string } }).hookSpecificOutput
      ?.additionalContext;
  };

  it("is told what whoever worked on its task before left, and nothing where nobody did", async () => {
    const { world, chat, fence } = await working();
    expect(await started(world, chat, "startup")).toBeUndefined();
    const state = { task: { done: ["wrote the lexer"], next: ["write tests"] } };
    must(
      await writeCheckpoint(world.ports, chat.claims, { trigger: "milestone", taskId: "a", fence, state }),
    );
    await hook(world, chat, bash("c1", "make deploy"));
    await recoverSession(world.ports, FLEET, "s1", 1, {
      endsAs: "crashed",
      cause: "killed",
      lastBeatAtMs: null,
    });
    const next = await world.register("s2", { host: "h2", boot: "b2" });
    await world.deliver();
    expect((await world.claim(next))[0]?.task.id).toBe("a");
    for (const source of ["startup", "resume"]) {
      const text = await started(world, next, source);
      for (const words of ["wrote the lexer", "write tests", "make deploy"]) expect(text).toContain(words);
    }
    expect(await started(world, next, "clear"), "it was cleared on purpose").toBeUndefined();
    expect(await started(world, chat, "resume"), "it counts no more").toBeUndefined();
  });
});
