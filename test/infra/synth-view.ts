import path from "node:path";
import { beforeAll } from "vitest";
import type { FunctionName } from "../../infra/routes.ts";
import type { SynthResource, Synthesis } from "../../infra/synth/synthesis.ts";
import { synthesize } from "../../infra/synth/synthesize.ts";

export const ROOT = path.resolve(import.meta.dirname, "../..");

/** The first synth of a checkout installs SST's components, which takes up to a minute on a busy machine. */
export const FIRST_SYNTH_TIMEOUT_MS = 400_000;

export type Statement = { Effect: string; Action: string[]; Resource?: string[]; Principal?: unknown };

export const componentOf = (name: FunctionName): string => name.slice(0, 1).toUpperCase() + name.slice(1);

export type Stage = "dev" | "production";
export type StackView = ReturnType<typeof viewOf>;
export type Stacks = (stage: Stage) => StackView;

/** The stack of each stage, run once for a test file before its tests; call what it returns inside of tests. */
export function useStacks(): Stacks {
  const stacks = new Map<Stage, StackView>();
  beforeAll(async () => {
    // One after the other: the first may have to install SST's components.
    for (const stage of ["dev", "production"] as const)
      stacks.set(stage, viewOf(await synthesize({ root: ROOT, stage })));
  }, FIRST_SYNTH_TIMEOUT_MS);
  return (stage) => {
    const found = stacks.get(stage);
    if (!found) throw new Error(`Stage ${stage} was not built.`);
    return found;
  };
}

/** Readable questions about what a synth registered. */
export function viewOf({ resources, functions }: Synthesis) {
  const all = (type: string) => resources.filter((resource) => resource.type === type);
  const one = (type: string, name: string): SynthResource => {
    const found = all(type).filter((resource) => resource.name === name);
    if (found.length !== 1 || !found[0])
      throw new Error(`${found.length} resources are ${type} ${name}, not 1.`);
    return found[0];
  };
  const arnOf = (fn: FunctionName) => {
    const { name } = one("aws:lambda/function:Function", `${componentOf(fn)}Function`).inputs;
    return `arn:aws:lambda:us-east-1:123456789012:function:${String(name)}`;
  };
  const statementsOf = (role: SynthResource): Statement[] => {
    const policies = (role.inputs["inlinePolicies"] ?? []) as { policy: string }[];
    return policies.flatMap(({ policy }) => (JSON.parse(policy) as { Statement: Statement[] }).Statement);
  };
  return { resources, functions, all, one, arnOf, statementsOf };
}
