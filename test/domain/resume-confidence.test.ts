import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BRIEF_TOKENS_DEFAULT } from "../../shared/contract/limits.ts";
import { ResumeBrief } from "../../shared/contract/checkpoint.ts";
import type { EndedBy, JournalCall } from "../../shared/contract/records.ts";
import { estimateTokens } from "../../shared/domain/brief-text.ts";
import { readState } from "../../shared/domain/read-state.ts";
import { type Unfinished, resumeBrief } from "../../shared/domain/resume-brief.ts";

const NOW_MS = Date.parse("2030-01-01T12:00:00Z");
const MINUTE_MS = 60_000;

const aCheckpoint = (over: Partial<NonNullable<Unfinished["checkpoint"]>> = {}) => ({
  ...{ sessionId: "s1", sequence: 7, trigger: "interval", atMs: NOW_MS - 10 * MINUTE_MS },
  ...{ state: {}, ofLastStart: true },
  ...over,
});
const unfinished = (over: Partial<Unfinished> = {}): Unfinished => ({
  ...{ taskId: "t1", session: "s1", endedBy: "crash", endedAtMs: NOW_MS - MINUTE_MS, lastBeatAtMs: null },
  ...{ checkpoint: aCheckpoint(), calls: [] },
  ...over,
});
const aCall = (id: string, over: Partial<JournalCall> = {}): JournalCall => ({
  ...{ id, name: "Bash", summary: `run ${id}`, taskId: "t1", startedAtMs: NOW_MS - 2 * MINUTE_MS },
  ...{ endedAtMs: null, outcome: "unknown" },
  ...over,
});
const briefOf = (given: Partial<Unfinished>, tokens = BRIEF_TOKENS_DEFAULT) => {
  const brief = resumeBrief(unfinished(given), NOW_MS, tokens);
  if (!brief) throw new Error("no brief");
  return ResumeBrief.parse(brief);
};

describe("how sure a brief is", () => {
  it.each<[EndedBy | null, boolean, number, string, number]>([
    ["crash", true, 10, "crash", 0.95],
    ["crash", true, 1, "crash", 1],
    ["crash", true, 61, "crash", 0.75],
    ["crash", false, 10, "crash", 0.85],
    ["lost", true, 10, "crash", 0.85],
    ["lost", true, 4, "crash", 0.95],
    ["timeout", true, 10, "timeout", 0.85],
    ["timeout", true, 90, "timeout", 0.65],
    ["exit", true, 10, "exit", 0.9],
    ["exit", true, 4.9, "exit", 1],
    ["done", true, 10, "exit", 0.9],
    ["unknown", true, 10, "unknown", 0.3],
    ["unknown", true, 4, "unknown", 0.4],
    ["unknown", true, 600, "unknown", 0.1],
    [null, true, 10, "unknown", 0.3],
    ["crash", true, 5, "crash", 0.95],
    ["crash", true, 60, "crash", 0.95],
  ])(
    "%s, of the last start %s, %d minutes old: %s %d",
    (endedBy, ofLastStart, minutes, cause, confidence) => {
      const checkpoint = aCheckpoint({ ofLastStart, atMs: NOW_MS - minutes * MINUTE_MS });
      expect(briefOf({ endedBy, checkpoint })).toMatchObject({ cause, confidence });
    },
  );

  it("has nothing to say where neither a checkpoint nor a call is known", () => {
    expect(resumeBrief(unfinished({ checkpoint: null }), NOW_MS, BRIEF_TOKENS_DEFAULT)).toBeNull();
    expect(briefOf({ checkpoint: null, calls: [aCall("a")] }).checkpoint).toBeNull();
  });
});

describe("calls whose outcome is unknown", () => {
  const pending = [
    { id: "a", name: "Bash", summary: "run a", startedAt: "2030-01-01T11:00:00Z", outcome: "unknown" },
  ];

  it.each<[string, JournalCall[], string[]]>([
    ["the journal does not know it", [], ["a"]],
    ["the journal does not know its outcome", [aCall("a")], ["a"]],
    ["the journal knows that it succeeded", [aCall("a", { outcome: "ok", endedAtMs: NOW_MS })], []],
    ["the journal knows that it failed", [aCall("a", { outcome: "failed", endedAtMs: NOW_MS })], []],
    ["the journal knows another, of after the checkpoint", [aCall("b")], ["a", "b"]],
  ])("of a pending call, if %s", (_, calls, unknown) => {
    const checkpoint = aCheckpoint({ state: { tools: { pending } } });
    expect(briefOf({ checkpoint, calls }).unknown.map(({ id }) => id)).toEqual(unknown);
  });

  it("an outcome in the checkpoint settles what the journal has without one", () => {
    const recent = pending.map((call) => ({ ...call, outcome: "ok", endedAt: "2030-01-01T11:01:00Z" }));
    const brief = briefOf({ checkpoint: aCheckpoint({ state: { tools: { recent } } }), calls: [aCall("a")] });
    expect(brief.unknown).toEqual([]);
    expect(brief.done).toContain("Bash: run a");
  });

  it("one that is told oddly hides no other, nor what else is known", () => {
    const state = {
      tools: { pending: [{ id: 1 }, ...pending, null], recent: "none" },
      task: { done: ["one", 2, "three"], progress: "half", next: null },
      files: "many",
    };
    const brief = briefOf({ checkpoint: aCheckpoint({ state }) });
    expect(brief.unknown.map(({ id }) => id)).toEqual(["a"]);
    expect(brief.done).toEqual(["one", "three"]);
  });
});

describe("what a brief says", () => {
  it("is what to do about what is done and what is unknown, and that calls after the checkpoint may be missing", () => {
    const { text, situation } = briefOf({});
    expect(text).toContain(situation);
    expect(text).toMatch(/Do not repeat what is done/);
    expect(text).toMatch(/before you repeat it/);
    expect(situation).toMatch(/9 min after that: what it did then, tool calls too, may be missing here/);
    const atCrash = aCheckpoint({ trigger: "crash", atMs: NOW_MS - MINUTE_MS });
    expect(briefOf({ checkpoint: atCrash }).situation).not.toMatch(/missing/);
  });

  it("is where and when it was, and that it lives if it does", () => {
    const state = { git: { worktree: "/srv/w" }, agent: { host: "host-1" } };
    const { situation } = briefOf({ checkpoint: aCheckpoint({ state }) });
    expect(situation).toContain("Session s1 in /srv/w on host-1 crashed");
    expect(situation).toContain("2030-01-01T11:59:00.000Z");
    expect(situation).toContain("number 7, interval");
    expect(briefOf({ endedBy: null }).situation).toContain("is at work");
  });

  it("fits its budget whatever the state is, names calls first, and says so if anything is left out", () => {
    const text = fc.string({ unit: "binary", maxLength: 600 });
    const lines = fc.array(text, { maxLength: 60 });
    const state = fc.record(
      {
        task: fc.record({ done: lines, next: lines, blockers: lines }, { requiredKeys: [] }),
        files: fc.record({ modified: lines, active: lines }, { requiredKeys: [] }),
        conversation: fc.record({ decisions: lines }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        state,
        fc.array(text, { maxLength: 40 }),
        fc.integer({ min: 300, max: 4_000 }),
        (...given) => {
          const [known, summaries, tokens] = given;
          const calls = summaries.map((summary, i) => aCall(`c${i}`, { summary }));
          const brief = briefOf({ checkpoint: aCheckpoint({ state: known }), calls }, tokens);
          expect(estimateTokens(brief.text)).toBeLessThanOrEqual(tokens);
          const told = brief.text.split("\n").filter((line) => line.startsWith("- Bash:")).length;
          const others = /### (Next|Done|In the way|Decided|Files)\n/.test(brief.text);
          // Nothing else has room that a call was left out for.
          if (told < summaries.length) expect(others && told === 0).toBe(false);
          const wanted = brief.next.length + brief.done.length + brief.blockers.length + brief.files.length;
          const shown = brief.text.split("\n").filter((line) => line.startsWith("- ")).length;
          if (shown < summaries.length + wanted) expect(brief.text).toMatch(/left out here/);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("stays small as JSON, though a state has megabytes of steps", () => {
    const done = Array.from({ length: 5_000 }, (_, i) => `${i} ${"x".repeat(900)}`);
    const long = "x".repeat(1_000_000);
    const pending = [
      {
        id: "a",
        name: "Bash",
        summary: long,
        startedAt: "2030-01-01T11:00:00Z",
        outcome: "unknown",
        input: long,
      },
    ];
    const git = { head: "abc", worktree: long, log: long };
    const agent = { kind: "claude-code", transcriptPath: long, env: { all: long } };
    const state = { task: { done, next: done }, tools: { pending }, git, agent };
    const brief = briefOf({ checkpoint: aCheckpoint({ state }) });
    expect(brief.git).toEqual({ head: "abc", branch: null, worktree: null, diffHash: null });
    expect(brief.agent).toMatchObject({ kind: "claude-code", transcriptPath: null });
    expect(JSON.stringify(brief).length).toBeLessThan(100_000);
    expect(brief.done.at(-1)).toMatch(/^4999 /);
    expect(brief.next[0]).toMatch(/^0 /);
  });
});

it("any JSON may be a state, and is read without an error", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (state) => {
      expect(readState(state)).toBeTypeOf("object");
      expect(() => briefOf({ checkpoint: aCheckpoint({ state }) })).not.toThrow();
    }),
  );
});
