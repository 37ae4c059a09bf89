import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import * as z from "zod/mini";

const PROGRAM = path.join(import.meta.dirname, "programs/allocate-offline.ts");
/** Less than any timer of the SDK that would hold a process. */
const ENDS_WITHIN_MS = 15_000;

const Report = z.object({
  guarded: z.int(),
  attempts: z.array(z.string()),
  variants: z.array(z.nullable(z.enum(["control", "treatment"]))),
  lines: z.array(z.unknown()),
});

async function run(...flags: string[]): Promise<z.infer<typeof Report>> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...flags], {
    timeout: ENDS_WITHIN_MS,
  });
  return Report.parse(JSON.parse(stdout));
}

test("in local mode no connection is attempted, and two processes give the same units the same variants", async () => {
  const [one, other] = await Promise.all([run("--close"), run()]);
  for (const { guarded, attempts, variants, lines } of [one, other]) {
    expect(guarded).toBe(4);
    expect(attempts).toEqual([]);
    expect(lines).toEqual([]);
    expect(new Set(variants)).toEqual(new Set(["control", "treatment"]));
  }
  expect(one.variants).toHaveLength(200);
  expect(other.variants).toEqual(one.variants);
});
