import { readFileSync } from "node:fs";
import { listTypeScript } from "./sources.ts";
import type { Work } from "./work.ts";

export const countLines: Work = async ({ data }, worktree) => {
  const files = listTypeScript(worktree, data.area);
  const lines = files.reduce((sum, file) => sum + readFileSync(file, "utf8").split("\n").length - 1, 0);
  return { summary: `${files.length} files, ${lines} lines`, files: files.length, lines };
};
