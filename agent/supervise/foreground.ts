import { spawn } from "node:child_process";
import type { ChildExit } from "../worker/child.ts";
import { killLeftBehind, MARK, newMark } from "../worker/orphans.ts";

/** A process that has the terminal: its user types to it, and sees what it draws. */
export type Foreground = { readonly exited: Promise<ChildExit>; kill(signal: NodeJS.Signals): void };

/**
 * Starts a command in this process' own group, because only the terminal's own group may read from it. It hears of Ctrl-C by the
 * terminal itself. Should this process be killed, it lives on without hooks that allow it anything.
 */
export function startForeground(
  [program, ...args]: readonly [string, ...string[]],
  { cwd, env }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
  onMark: (mark: string | null) => void,
): Foreground {
  const mark = newMark();
  onMark(mark);
  const child = spawn(program, args, { cwd, env: { ...env, [MARK]: mark }, stdio: "inherit" });
  const exited = new Promise<ChildExit>((resolve) => {
    child.once("error", ({ message }) => {
      resolve({ code: null, signal: null, error: message, killed: null });
    });
    child.once("exit", (code, signal) => {
      resolve({ code, signal, error: null, killed: null });
    });
  }).then((exit) => {
    onMark(null);
    killLeftBehind(mark);
    return exit;
  });
  return { exited, kill: (signal) => child.kill(signal) };
}
