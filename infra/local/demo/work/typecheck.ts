import path from "node:path";
import ts from "typescript";
import { listTypeScript } from "./sources.ts";
import type { Work } from "./work.ts";

/** Type-checks one folder by the project's own settings. Errors are a finding, not a failure. */
export const typecheck: Work = async ({ data }, worktree) => {
  const settings: unknown = ts.readConfigFile(path.join(worktree, "tsconfig.json"), (file) =>
    ts.sys.readFile(file),
  ).config;
  const { options } = ts.parseJsonConfigFileContent(settings, ts.sys, worktree);
  const files = listTypeScript(worktree, data.area);
  const program = ts.createProgram(files, options);
  const errors = files.reduce((sum, file) => {
    const source = program.getSourceFile(file);
    return (
      sum + program.getSyntacticDiagnostics(source).length + program.getSemanticDiagnostics(source).length
    );
  }, 0);
  return { summary: `${files.length} files, ${errors} type errors`, files: files.length, errors };
};
