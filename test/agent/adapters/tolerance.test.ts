import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { claude } from "../../../agent/adapters/claude.ts";
import { codex } from "../../../agent/adapters/codex.ts";
import { ADAPTER_NAMES, findAdapter } from "../../../agent/adapters/find-adapter.ts";
import { recorded } from "./recorded.ts";

const RECORDS = [
  "claude-output",
  "claude-hooks",
  "claude-transcript",
  "codex-output",
  "codex-hooks",
  "codex-transcript",
];
const lines = RECORDS.flatMap(recorded);

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A recorded value in which something, at any depth, is something else. */
function spoiled(value: Json, at: number, by: Json): Json {
  let left = at;
  const walk = (part: Json): Json => {
    left -= 1;
    if (left === -1) return by;
    if (Array.isArray(part)) return part.map(walk);
    if (typeof part !== "object" || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, walk(inner)]));
  };
  return walk(value);
}

const anySpoiled = fc
  .tuple(fc.constantFrom(...lines), fc.nat(60), fc.jsonValue())
  .map(([line, at, by]) => spoiled(JSON.parse(line) as Json, at, by as Json));
const nested = "[".repeat(50_000) + "]".repeat(50_000);

describe.each([claude, codex])("$name", (adapter) => {
  test("no line that it may print makes its reader fail", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          anySpoiled.map((value) => JSON.stringify(value)),
        ),
        (line) => {
          for (const { type } of adapter.parseLine(line)) expect(type).toBeTypeOf("string");
        },
      ),
      { numRuns: 500 },
    );
    const input = `{"type":"tool_use","id":"a","name":"b","input":${nested}}`;
    expect(() => adapter.parseLine(`{"type":"assistant","message":{"content":[${input}]}}`)).not.toThrow();
  });

  test("no payload that its hooks may bring makes their reader fail, and each is answered", () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), anySpoiled, fc.anything()), (payload) => {
        const hook = adapter.parseHook(payload);
        if (hook) expect(adapter.answerHook(hook, { kind: "pass" })).toEqual({});
      }),
      { numRuns: 500 },
    );
    const payload = `{"hook_event_name":"PreToolUse","tool_use_id":"a","tool_name":"b","tool_input":${nested}}`;
    expect(adapter.parseHook(JSON.parse(payload))?.events).toHaveLength(1);
  });
});

test("adapters are found by the names of their programs, and by nothing that every object has", () => {
  for (const name of ADAPTER_NAMES) expect(findAdapter(name)).not.toBeNull();
  expect(findAdapter("claude-code")).toBe(findAdapter("claude"));
  for (const name of ["constructor", "__proto__", "bash"]) expect(findAdapter(name)).toBeNull();
});
