import { writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { AgentEvent } from "../../../agent/adapters/agent-event.ts";
import { readBinaryParts } from "../../../agent/checkpoints/binary-patch.ts";
import type { GitFacts } from "../../../agent/checkpoints/git-facts.ts";
import { type CheckpointInput, makeCheckpoint } from "../../../agent/checkpoints/make-checkpoint.ts";
import { NO_MEMORY, type SessionMemory, remember } from "../../../agent/checkpoints/session-memory.ts";
import { CheckpointRequest, CheckpointState } from "../../../shared/contract/checkpoint.ts";
import { CHECKPOINT_BYTES_LIMIT } from "../../../shared/contract/limits.ts";
import { git, scratchDirectory } from "../../fixtures/scratch.ts";
import { medianSession } from "../../fixtures/scripted-session.ts";
import { type Planted, lookAlikes, plantedSecrets } from "../redaction-corpus.ts";

const HEAD = "0123456789abcdef0123456789abcdef01234567";

function facts(given: Partial<GitFacts> = {}): GitFacts {
  return {
    top: "/work/tree",
    head: HEAD,
    branch: "main",
    modified: ["src/a.ts"],
    staged: [],
    untracked: ["new.ts"],
    diff: "diff --git a/src/a.ts b/src/a.ts\n",
    diffOmitted: null,
    diffBytes: 34,
    diffHash: "f".repeat(64),
    diffWithout: [],
    fileHashes: { "src/a.ts": "a".repeat(64), "new.ts": "b".repeat(64) },
    ...given,
  };
}

function input(given: Partial<CheckpointInput> = {}): CheckpointInput {
  return {
    memory: NO_MEMORY,
    git: facts(),
    agent: { kind: "claude", host: "host_1", cwd: "/work/tree" },
    transcript: { bytes: 10, hash: "c".repeat(64) },
    task: { id: "task_1", operation: "code", percent: 40 },
    ...given,
  };
}

const after = (events: readonly AgentEvent[]): SessionMemory =>
  events.reduce((memory, event, index) => remember(memory, event, 1_000 * index), NO_MEMORY);

const started = (id: string, name: string, summary: string, given: unknown = {}): AgentEvent => ({
  type: "tool_started",
  id,
  name,
  summary,
  input: given,
});

test("a checkpoint says what was done, what comes next and what is unknown, in the contract's shape", () => {
  const todos = {
    todos: [
      { content: "Write the test", status: "completed" },
      { content: "Mend it", status: "in_progress" },
      { content: "Ship it" },
    ],
  };
  const memory = after([
    { type: "session", sessionId: "own-1", transcriptPath: "/t.jsonl" },
    { type: "prompt", text: "Mend the parser" },
    started("1", "TodoWrite", "3 steps", todos),
    { type: "tool_ended", id: "1", ok: true },
    started("2", "Bash", "npm test"),
    { type: "tool_ended", id: "2", ok: false },
    started("3", "Bash", "npm run migrate"),
    { type: "awaiting_human", why: "May I push?" },
  ]);
  const state = makeCheckpoint(input({ memory, notes: { decisions: ["Keep the old format"] } }));
  expect(CheckpointState.parse(state)).toEqual(state);
  expect(state).toMatchObject({
    conversation: { summary: "Mend the parser", decisions: ["Keep the old format"], messages: 1 },
    task: {
      id: "task_1",
      operation: "code",
      phase: "Mend it",
      progress: 40,
      done: ["Write the test", "TodoWrite: 3 steps", "Bash: npm test (failed)"],
      next: ["Mend it", "Ship it"],
      blockers: ["It waits for a person: May I push?"],
    },
    tools: { pending: [{ id: "3", outcome: "unknown", endedAt: null }], total: 3, failed: 1 },
    git: { head: HEAD, branch: "main", worktree: "/work/tree", diffHash: "f".repeat(64) },
    agent: { kind: "claude", sessionId: "own-1", transcriptPath: "/t.jsonl" },
    files: { modified: ["src/a.ts"], untracked: ["new.ts"], diffOmitted: null },
  });
});

test("a checkpoint of a session of which nothing is known, outside of a repository, has the contract's shape", () => {
  const state = makeCheckpoint(
    input({ git: { none: "not a git repository" }, task: null, transcript: null }),
  );
  expect(CheckpointState.safeParse(state).success).toBe(true);
  expect(state.git).toEqual({ none: "not a git repository" });
});

describe("secrets", () => {
  const planted = plantedSecrets(7);

  /** The secret's text in every field that a session, its task or its worktree can fill. */
  function everywhere({ text }: Planted): CheckpointInput[] {
    const todos = {
      todos: [
        { content: text, status: "completed" },
        { content: text, status: "in_progress" },
        { content: text },
      ],
    };
    const seen = (pieces: readonly AgentEvent[]) => after(pieces);
    const memory = seen([
      { type: "session", sessionId: text, transcriptPath: text, model: text },
      { type: "prompt", text },
      { type: "prompt", text: `again ${text}` },
      { type: "message", role: "assistant", text },
      started("1", "TodoWrite", text, todos),
      started("2", text, text, { file_path: text }),
      { type: "tool_ended", id: "2", ok: true },
      started(text, "Bash", text),
      { type: "awaiting_human", why: text },
      { type: "turn_ended", text: `done ${text}` },
      { type: "ended", reason: text },
    ]);
    const lines = [text, `b ${text}`];
    const notes = {
      summary: text,
      decisions: lines,
      context: text,
      phase: text,
      done: lines,
      next: lines,
      blockers: lines,
    };
    const tree = facts({
      top: text,
      branch: text,
      modified: lines,
      staged: lines,
      untracked: lines,
      diff: `diff --git a/x b/x\n+${text}\n`,
      diffWithout: lines,
      fileHashes: { [text]: "a".repeat(64) },
    });
    const preferences = { [text]: text, deep: [{ [text]: [text] }], text };
    const all = input({
      memory,
      notes,
      git: tree,
      preferences,
      agent: { kind: text, host: text, cwd: text },
      task: { id: text, operation: text, percent: null },
    });
    // Without the agent's notes, what was observed stands in the same fields; a failing git says why.
    return [
      all,
      { ...all, notes: {} },
      { ...all, git: { none: text } },
      { ...all, memory: seen([{ type: "message", role: "user", text }]), notes: {} },
    ];
  }

  test(`none of ${planted.length} planted in every field leaves the machine`, () => {
    expect(planted.length).toBeGreaterThanOrEqual(60);
    const left = planted.flatMap((secret) =>
      everywhere(secret).flatMap((given) => {
        const request = { trigger: "crash", state: makeCheckpoint(given) };
        expect(CheckpointRequest.safeParse(request).success).toBe(true);
        const body = JSON.stringify(request);
        // In a body the secret would stand escaped.
        const escaped = JSON.stringify(secret.secret).slice(1, -1);
        return [secret.secret, escaped].some((text) => body.includes(text))
          ? [`${secret.name} at ${pathsOf(request, secret.secret).join(", ")}`]
          : [];
      }),
    );
    expect(left).toEqual([]);
  });

  test("the corpus would be found, were it not redacted", () => {
    for (const secret of planted)
      expect(JSON.stringify(everywhere(secret)[0])).toContain(JSON.stringify(secret.secret).slice(1, -1));
  });

  test("a diff with a secret stays on the machine, its hash does not", () => {
    const [secret] = planted;
    const diff = `diff --git a/x b/x\n+${secret?.text ?? ""}\n`;
    const state = makeCheckpoint(input({ git: facts({ diff }) }));
    expect(state.files).toMatchObject({ diff: null, diffRedacted: true });
    expect(state.git?.diffHash).toBe("f".repeat(64));
  });

  test("a packed secret in a binary file's diff is found too", () => {
    // `git diff --binary` of a file with a zero byte and `password=...`, made by git.
    const [secret] = planted;
    const parts = readBinaryParts(binaryDiff(`\0\0 ${secret?.text ?? ""} \0`));
    expect(parts[0]).toContain(secret?.secret);
    const state = makeCheckpoint(input({ git: facts({ diff: binaryDiff(`\0 ${secret?.text ?? ""}`) }) }));
    expect(state.files).toMatchObject({ diff: null, diffRedacted: true });
    const harmless = binaryDiff("\0 nothing");
    expect(makeCheckpoint(input({ git: facts({ diff: harmless }) })).files?.diff).toBe(harmless);
  });

  test("look-alikes survive in a diff", () => {
    const all = lookAlikes(3);
    const survived = all.filter((text) => {
      const diff = `diff --git a/x b/x\n+${text.replaceAll("\n", "\n+")}\n`;
      return makeCheckpoint(input({ git: facts({ diff }) })).files?.diff === diff;
    });
    const lost = all.filter((text) => !survived.includes(text));
    expect(survived.length / all.length, lost.join("\n")).toBeGreaterThanOrEqual(55 / 60);
  });
});

/** As git prints it of a new file with this content. */
function binaryDiff(content: string): string {
  const dir = scratchDirectory();
  git(dir, "init", "-q");
  writeFileSync(path.join(dir, "bin"), Buffer.from(content, "latin1"));
  git(dir, "add", "bin");
  return `${git(dir, "diff", "--cached", "--binary", "--full-index")}\n\n`;
}

function pathsOf(value: unknown, secret: string, at = ""): string[] {
  if (typeof value === "string") return value.includes(secret) ? [at] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, entry]) => [
    ...(key.includes(secret) ? [`${at}.(key)`] : []),
    ...pathsOf(entry, secret, `${at}.${key}`),
  ]);
}

describe("bounds", () => {
  test("the median session is far below 100 KB compressed", () => {
    const events = medianSession(1);
    const state = makeCheckpoint(input({ memory: after(events) }));
    expect(gzipSync(JSON.stringify(state)).length).toBeLessThan(100 * 1024);
  });

  test.each([
    ["letters", "x"],
    ["characters of six bytes in JSON", "\u0001"],
    ["characters of three bytes", "語"],
    ["pairs", "😀"],
    ["lines", "a\n"],
  ])("no state is too large for a request: %s", (_name, piece) => {
    const huge = piece.repeat(300_000);
    const many = Array.from({ length: 3_000 }, (_, n) => `${n}${piece.repeat(500)}`);
    const events = many
      .slice(0, 400)
      .flatMap((text, n): AgentEvent[] => [
        { type: "prompt", text: huge },
        { type: "message", role: "assistant", text: `${n}${huge}` },
        started(`${n}${huge}`, text, huge, { todos: many, file_path: text }),
        { type: "tool_ended", id: n % 2 ? `${n}${huge}` : "", ok: true },
      ]);
    const memory = after(events.slice(0, 300));
    const tree = facts({
      top: huge,
      branch: huge,
      modified: many,
      staged: many,
      untracked: many,
      diff: piece.repeat((256 * 1024) / piece.length),
      diffWithout: many,
      fileHashes: Object.fromEntries(many.map((name) => [name, "a".repeat(64)])),
    });
    const notes = {
      summary: huge,
      decisions: many,
      context: huge,
      phase: huge,
      done: many,
      next: many,
      blockers: many,
    };
    const preferences = { huge: many };
    const state = makeCheckpoint(input({ memory, git: tree, notes, preferences }));
    expect(Buffer.byteLength(JSON.stringify({ state, trigger: "crash" }))).toBeLessThan(
      CHECKPOINT_BYTES_LIMIT,
    );
    expect(CheckpointState.safeParse(state).success).toBe(true);
    expect(JSON.stringify(state).isWellFormed()).toBe(true);
  });

  test("preferences that no request may carry are left out", () => {
    const preferences = JSON.parse('{"a":1,"__proto__":{"b":1},"c":{"constructor":1,"d":2}}') as Record<
      string,
      unknown
    >;
    expect(makeCheckpoint(input({ preferences })).preferences).toEqual({ a: 1, c: { d: 2 } });
    let deep: unknown = 1;
    for (let depth = 0; depth < 200; depth += 1) deep = { deep };
    expect(JSON.stringify(makeCheckpoint(input({ preferences: { deep } }))).length).toBeLessThan(5_000);
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    expect(makeCheckpoint(input({ preferences: circular })).preferences).toEqual({});
  });
});
