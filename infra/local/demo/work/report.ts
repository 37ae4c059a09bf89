import { globSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import * as z from "zod/mini";
import { mergePublished } from "./merge.ts";
import type { Work } from "./work.ts";

const Result = z.object({ task: z.string(), fence: z.int(), host: z.string(), summary: z.string() });

/** Merges everything and writes one page about it. */
export const report: Work = async (task, worktree) => {
  await mergePublished(task, worktree);
  const results = globSync("results/*.json", { cwd: worktree })
    .sort()
    .map((file) => z.parse(Result, JSON.parse(readFileSync(path.join(worktree, file), "utf8"))));
  const rows = results.map(
    ({ task: id, summary, host, fence }) => `| ${id} | ${summary} | ${host} | ${fence} |`,
  );
  const head = ["# Report", "", "| Task | Result | Host | Fence |", "| --- | --- | --- | --- |"];
  writeFileSync(path.join(worktree, "REPORT.md"), `${[...head, ...rows].join("\n")}\n`);
  return { summary: `a report of ${results.length} results`, results: results.length };
};
