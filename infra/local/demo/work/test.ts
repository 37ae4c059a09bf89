import { execFile } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import * as z from "zod/mini";
import { mergePublished } from "./merge.ts";
import type { Work } from "./work.ts";

const VITEST = path.resolve(import.meta.dirname, "../../../../node_modules/vitest/vitest.mjs");
const Report = z.object({ numTotalTests: z.int(), numPassedTests: z.int() });

/** Runs one test file on what its dependencies published. A test that fails is a finding, not a failure. */
export const runTests: Work = async (task, worktree) => {
  const { data } = task;
  await mergePublished(task, worktree);
  const output = path.join(worktree, "test-report.json");
  const [, project = ""] = data.file.split("/");
  const said = await runVitest(worktree, ["--project", project, data.file, `--outputFile=${output}`]);
  const report = readReport(output, said);
  rmSync(output);
  const { numPassedTests: passed, numTotalTests: tests } = report;
  if (tests === 0) throw new Error(`${data.file} holds no test: ${said}`);
  return { summary: `${passed} of ${tests} tests passed`, tests, passed };
};

async function runVitest(worktree: string, args: string[]): Promise<string> {
  const command = [VITEST, "run", "--root", worktree, "--reporter=json", ...args];
  return await new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: worktree }, (_failed, stdout, stderr) => {
      resolve(`${stdout}${stderr}`);
    });
  });
}

function readReport(file: string, said: string): z.infer<typeof Report> {
  try {
    return z.parse(Report, JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    throw new Error(`The test runner left no report. It said: ${said}`, { cause: error });
  }
}
