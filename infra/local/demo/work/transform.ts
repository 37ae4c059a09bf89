import { readFileSync, writeFileSync } from "node:fs";
import { listTypeScript } from "./sources.ts";
import type { Work } from "./work.ts";

const LICENCE = "// SPDX-License-Identifier: MIT\n";

/** Puts the licence at the head of every file of one folder. */
export const transform: Work = async ({ data }, worktree) => {
  const files = listTypeScript(worktree, data.area);
  let changed = 0;
  for (const file of files) {
    const text = readFileSync(file, "utf8");
    if (text.startsWith(LICENCE)) continue;
    writeFileSync(file, LICENCE + text);
    changed += 1;
  }
  return { summary: `${changed} files given a licence line`, changed };
};
