import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { JournalCall } from "../../shared/contract/records.ts";
import { estimateTokens } from "../../shared/domain/brief-text.ts";
import { type Unfinished, resumeBrief } from "../../shared/domain/resume-brief.ts";

const NOW_MS = Date.parse("2030-01-01T12:00:00Z");
const MINUTE_MS = 60_000;

const aCall = (id: string, summary: string): JournalCall => ({
  ...{ id, name: "Bash", summary, taskId: "t1", startedAtMs: NOW_MS - 2 * MINUTE_MS },
  ...{ endedAtMs: null, outcome: "unknown" },
});

function briefOf(state: unknown, calls: readonly JournalCall[], tokens: number) {
  const unfinished: Unfinished = {
    ...{ taskId: "t1", session: "s1", endedBy: "crash", endedAtMs: NOW_MS - MINUTE_MS, lastBeatAtMs: null },
    checkpoint: {
      ...{ sessionId: "s1", sequence: 7, trigger: "interval", atMs: NOW_MS - 10 * MINUTE_MS },
      ...{ state, ofLastStart: true },
    },
    calls,
  };
  const brief = resumeBrief(unfinished, NOW_MS, tokens);
  if (!brief) throw new Error("no brief");
  return brief;
}

const oneText = fc.string({ unit: "binary", maxLength: 20 });
/** Short, or long enough to be cut, perhaps within a character. */
const text = fc.tuple(oneText, fc.constantFrom(1, 1, 40)).map(([part, times]) => part.repeat(times));
/** Anything, or something of the shape that we know with anything in its places. */
const anyState = fc.oneof(
  fc.jsonValue(),
  fc.record(
    {
      task: fc.record({ done: fc.jsonValue(), next: fc.array(text), blockers: fc.array(text) }),
      conversation: fc.record({ decisions: fc.array(text), recent: fc.jsonValue() }),
      files: fc.record({ modified: fc.array(text) }),
      git: fc.record({ worktree: text, head: text, branch: fc.jsonValue() }),
      agent: fc.record({ host: text, cwd: text }),
      tools: fc.record({ pending: fc.jsonValue(), recent: fc.jsonValue() }),
    },
    { requiredKeys: [] },
  ),
);
const budgets = fc.integer({ min: 200, max: 4_000 });

describe("a brief in words, of any state and within any budget from 200 tokens on", () => {
  it("is never over its budget, says the rules in full, and is text that any JSON parser takes", () => {
    fc.assert(
      fc.property(anyState, fc.array(text, { maxLength: 25 }), budgets, (state, summaries, tokens) => {
        const calls = summaries.map((summary, i) => aCall(`c${i}`, summary));
        const brief = briefOf(state, calls, tokens);
        expect(estimateTokens(brief.text)).toBeLessThanOrEqual(tokens);
        expect(brief.text).toContain("Do not repeat what is done.");
        expect(brief.text).toContain("before you repeat it");
        // Half of a character, as cutting may leave it, is refused by those who serve models.
        for (const said of [brief.text, brief.situation, ...brief.done, ...brief.next])
          expect(said.isWellFormed()).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it("names a call whose outcome is unknown, however long its situation and its steps are", () => {
    fc.assert(
      fc.property(anyState, fc.array(text, { minLength: 1, maxLength: 25 }), budgets, (...given) => {
        const [state, summaries, tokens] = given;
        const calls = summaries.map((summary, i) => aCall(`c${i}`, summary));
        expect(briefOf(state, calls, tokens).text).toMatch(/### Outcome unknown\n- \S/);
      }),
      { numRuns: 200 },
    );
  });

  it("cuts what matters least first", () => {
    const state = {
      task: { done: ["a step done"], next: ["a step to do"], blockers: ["a thing in the way"] },
      conversation: { decisions: ["a choice"], recent: [{ role: "user", text: "a word" }] },
      files: { modified: ["a/file"] },
    };
    const titles = ["Outcome unknown", "Next", "Done", "In the way", "Decided", "Files", "Said last"];
    const shown = (tokens: number) => {
      const { text: said } = briefOf(state, [aCall("c", "git push")], tokens);
      if (titles.some((title) => !said.includes(`### ${title}\n`))) expect(said).toMatch(/left out here/);
      return titles.filter((title) => said.includes(`### ${title}\n`)).length;
    };
    for (let tokens = 200; tokens <= 600; tokens += 5) {
      const count = shown(tokens);
      const { text: said } = briefOf(state, [aCall("c", "git push")], tokens);
      const order = titles.slice(0, count).every((title) => said.includes(`### ${title}\n`));
      expect([tokens, order]).toEqual([tokens, true]);
    }
    expect(shown(600)).toBe(titles.length);
  });
});

describe("the situation that a brief begins with", () => {
  const checkpoint = {
    ...{ sessionId: "s1", sequence: 7, trigger: "interval", atMs: NOW_MS - 10 * MINUTE_MS },
    ...{ state: {}, ofLastStart: true },
  } as const;
  const situation = (over: Partial<Unfinished>) =>
    resumeBrief(
      {
        ...{
          taskId: "t1",
          session: "s1",
          endedBy: "crash",
          endedAtMs: NOW_MS - MINUTE_MS,
          lastBeatAtMs: null,
        },
        ...{ checkpoint, calls: [aCall("c1", "make deploy")] },
        ...over,
      },
      NOW_MS,
      2_000,
    )?.situation;

  it("says for how long it may have gone on after its last checkpoint, or that nobody knows", () => {
    expect(situation({})).toContain("It may have gone on for up to 9 min after that");
    const unknown = situation({ endedBy: "unknown", endedAtMs: null });
    expect(unknown).toContain("It may have gone on after that");
    expect(unknown).toContain("nobody knows why");
  });

  it("says nothing of that where the checkpoint was its last word", () => {
    const last = { ...checkpoint, atMs: NOW_MS - MINUTE_MS };
    expect(situation({ checkpoint: last })).not.toContain("may have gone on");
    expect(situation({ checkpoint: { ...checkpoint, trigger: "crash" } })).not.toContain("may have gone on");
  });

  it("says that there is no checkpoint, of one that ended and of one at work", () => {
    expect(situation({ checkpoint: null })).toContain("It left no checkpoint; only tool calls are known.");
    const atWork = situation({ endedBy: null, endedAtMs: null, checkpoint: null });
    expect(atWork).toContain("is at work. It has made no checkpoint.");
  });
});
