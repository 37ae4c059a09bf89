import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";
import type { Terminal } from "./context.ts";

/** Found at the start rather than by the first task, which would fail for it. */
export function isExecutable(command: string, { env, cwd }: Terminal): boolean {
  const folders = command.includes("/") ? [cwd] : (env.PATH ?? "").split(path.delimiter);
  return folders.some((folder) => {
    const file = path.resolve(folder, command);
    try {
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false;
    }
  });
}
