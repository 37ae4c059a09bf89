import { globSync } from "node:fs";
import path from "node:path";

/** The TypeScript files below a folder of a worktree, as full paths. Throws if there is none. */
export function listTypeScript(worktree: string, area: string): string[] {
  const files = globSync(`${area}/**/*.ts`, { cwd: worktree }).sort();
  if (files.length === 0)
    throw new Error(`There is no TypeScript below ${area}: the plan names a wrong folder.`);
  return files.map((file) => path.join(worktree, file));
}
