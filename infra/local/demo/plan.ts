import type { z } from "zod/mini";
import type { TaskSubmission } from "../../../shared/contract/task.ts";

export const GROUP = "demo";
/** Room for the demo's own kills, and for a machine so busy that leases run out. */
const ATTEMPTS = 6;

/** Folders of the project, each examined, changed and collected by tasks of its own. */
const AREAS = ["shared/contract", "shared/ports", "shared/domain", "agent/client", "agent/commands"] as const;
/** Type-checked too: each takes as much of a processor as ten other tasks, so not all of them. */
const TYPECHECKED: ReadonlySet<string> = new Set(["shared/contract", "shared/domain", "agent/client"]);
/** Test files that need no cloud, each run on what the area it tests has become. */
const TESTS: readonly { readonly file: string; readonly area: (typeof AREAS)[number] }[] = [
  { file: "test/domain/balance.test.ts", area: "shared/domain" },
  { file: "test/domain/heartbeat-answer.test.ts", area: "shared/domain" },
  { file: "test/agent/pending.test.ts", area: "agent/client" },
];

type Submission = z.infer<typeof TaskSubmission> & { readonly id: string };

/**
 * The tasks of a run. Of each area: `count`, `lint` and perhaps `typecheck` at once, `transform` after the checks,
 * and `publish`, which merges what the others published. Then each `test` on what was merged, and a `report` that merges
 * all.
 */
export function planTasks(): Submission[] {
  const areas = AREAS.flatMap((area) => planArea(area));
  const tests = TESTS.map(({ file, area }) => {
    const name = file.replace(/^.*\/|\.test\.ts$/g, "");
    return plan("test", name, { file }, [`publish-${slug(area)}`]);
  });
  const collected = [...areas.filter(({ type }) => type === "publish"), ...tests];
  return [...areas, ...tests, plan("report", "all", {}, idsOf(collected))];
}

function slug(area: string): string {
  return area.replaceAll("/", "-");
}

function planArea(area: string): Submission[] {
  const name = slug(area);
  const count = plan("count", name, { area }, []);
  const types = TYPECHECKED.has(area) ? ["typecheck", "lint"] : ["lint"];
  const checks = types.map((type) => plan(type, name, { area }, []));
  const transform = plan("transform", name, { area }, idsOf(checks));
  const parts = [count, ...checks, transform];
  const publish = plan("publish", name, { area }, idsOf(parts));
  return [...parts, publish];
}

function idsOf(tasks: readonly Submission[]): string[] {
  return tasks.map(({ id }) => id);
}

function plan(type: string, name: string, data: Record<string, string>, dependsOn: string[]): Submission {
  return { id: `${type}-${name}`, type, data, dependsOn, group: GROUP, maxAttempts: ATTEMPTS };
}
