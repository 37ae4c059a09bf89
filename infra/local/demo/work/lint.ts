import { ESLint } from "eslint";
import tseslint from "typescript-eslint";
import { listTypeScript } from "./sources.ts";
import type { Work } from "./work.ts";

/** Lints one folder by the strict rules that need no types: the others take as long as a type check. */
export const lint: Work = async ({ data }, worktree) => {
  const eslint = new ESLint({
    cwd: worktree,
    overrideConfigFile: true,
    overrideConfig: tseslint.configs.strict as NonNullable<ESLint.Options["overrideConfig"]>,
  });
  const results = await eslint.lintFiles(listTypeScript(worktree, data.area));
  const problems = results.reduce((sum, { errorCount, warningCount }) => sum + errorCount + warningCount, 0);
  return { summary: `${results.length} files, ${problems} lint problems`, files: results.length, problems };
};
