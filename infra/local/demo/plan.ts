import type { z } from "zod/mini";
import type { TaskSubmission } from "../../../shared/contract/task.ts";

export const GROUP = "demo";
/** Room for the demo's own kills, and for a machine so busy that leases run out. */
const ATTEMPTS = 6;

/** Folders of the project, each examined, changed and collected by tasks of its own. */
const AREAS = [
  "shared/contract",
  "shared/domain",
  "shared/operations",
  "agent/client",
  "agent/worker",
] as const;
/** Test files that need no cloud and take about a second each. */
const TEST_FILES = [
  "test/agent/restart-policy.test.ts",
  "test/agent/pending.test.ts",
  "test/agent/connection.test.ts",
] as const;

type Submission = z.infer<typeof TaskSubmission> & { readonly id: string };

/**
 * The tasks of a run. Of each area: `count`, `typecheck` and `lint` at once, `transform` after both checks, and
 * `publish`, which merges what the others published. Then a `report` that merges all.
 */
export function planTasks(): Submission[] {
  const areas = AREAS.flatMap((area) => planArea(area));
  const tests = TEST_FILES.map((file) => plan("test", file.replace(/^.*\/|\.test\.ts$/g, ""), { file }, []));
  const collected = [...areas.filter(({ type }) => type === "publish"), ...tests].map(({ id }) => id);
  return [...areas, ...tests, plan("report", "all", {}, collected)];
}

function planArea(area: string): Submission[] {
  const name = area.replaceAll("/", "-");
  const count = plan("count", name, { area }, []);
  const typecheck = plan("typecheck", name, { area }, []);
  const lint = plan("lint", name, { area }, []);
  const transform = plan("transform", name, { area }, [typecheck.id, lint.id]);
  const parts = [count, typecheck, lint, transform];
  const publish = plan(
    "publish",
    name,
    { area },
    parts.map(({ id }) => id),
  );
  return [...parts, publish];
}

function plan(type: string, name: string, data: Record<string, string>, dependsOn: string[]): Submission {
  return { id: `${type}-${name}`, type, data, dependsOn, group: GROUP, maxAttempts: ATTEMPTS };
}
