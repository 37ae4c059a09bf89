import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** Everything a run writes is below one temporary folder. */
export type DemoFolder = {
  readonly path: string;
  readonly state: string;
  readonly repository: string;
  readonly worktrees: string;
  /** One file for each attempt that was started, named `TASK.FENCE`. */
  readonly attempts: string;
  readonly temporary: string;
  /** What Node keeps of the programs it compiled, so that the next start of the same one is quicker. */
  readonly compiled: string;
  log(name: string): string;
  remove(): void;
};

export function makeDemoFolder(): DemoFolder {
  const root = realpathSync(mkdtempSync(path.join(tmpdir(), "shim-demo-")));
  const below = (name: string) => path.join(root, name);
  const folder: DemoFolder = {
    path: root,
    state: below("state"),
    repository: below("repository"),
    worktrees: below("worktrees"),
    attempts: below("attempts"),
    temporary: below("temporary"),
    compiled: below("compiled"),
    log: (name) => below(`${name}.log`),
    remove: () => {
      rmSync(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  for (const name of [folder.attempts, folder.temporary]) mkdirSync(name);
  return folder;
}
