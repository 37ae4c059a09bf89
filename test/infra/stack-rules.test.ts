import { beforeAll, describe, expect, it } from "vitest";
import { isPermanentStage } from "../../infra/stage.ts";
import { synthesize } from "../../infra/synth/synthesize.ts";
import { STACK_MUTANTS, type StackMutant } from "./stack-mutants.ts";
import { RULES } from "./stack-rules.ts";
import { ROOT, type StackView, useStacks, viewOf } from "./synth-view.ts";

const MUTANTS_TIMEOUT_MS = 400_000;
/** Stacks built at once: each is a process that computes. */
const LANES = 2;

const stackOf = useStacks();

describe.each(["production", "dev"] as const)("of the stack of stage %s it holds:", (stage) => {
  it.each(RULES)("$name", ({ check }) => {
    check(stackOf(stage), isPermanentStage(stage));
  });
});

/** Names of the rules that a stack breaks. */
const broken = (stack: StackView) =>
  RULES.filter(({ check }) => {
    try {
      check(stack, true);
      return false;
    } catch {
      return true;
    }
  }).map(({ name }) => name);

/** The rules that the stack breaks with this mistake in it, or null if it cannot be built. */
async function rulesBrokenBy(
  { file, find, replace }: StackMutant,
  { functions }: StackView,
): Promise<readonly string[] | null> {
  try {
    const edit = { file, find, replace };
    const synthesis = await synthesize({ root: ROOT, stage: "production", edit, bundled: functions });
    return broken(viewOf(synthesis));
  } catch (error) {
    // An edit that changes nothing is no mistake.
    if (String(error).includes(" places like ")) throw error;
    return null;
  }
}

describe("a mistake in the stack is found:", () => {
  /** By mutant: the rules that it breaks, or null if it cannot be built. */
  const found = new Map<string, readonly string[] | null>();
  beforeAll(async () => {
    const left = [...STACK_MUTANTS];
    const lane = async () => {
      for (let next = left.pop(); next; next = left.pop())
        found.set(next.name, await rulesBrokenBy(next, stackOf("production")));
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }, MUTANTS_TIMEOUT_MS);

  it.each(STACK_MUTANTS)("$name", ({ name, caughtBy }) => {
    const rules = found.get(name);
    if (caughtBy === null) expect(rules).toBeNull();
    else expect(rules?.filter((rule) => caughtBy.test(rule))).not.toEqual([]);
  });
});
