import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { onTestFinished } from "vitest";

const PROGRAMS = path.join(import.meta.dirname, "programs");

export function programPath(name: string): string {
  return path.join(PROGRAMS, `${name}.ts`);
}

/** A directory that is gone after the test. */
export function temporaryDirectory(): string {
  const dir = mkdtempSync(path.join(tmpdir(), "shim-test-"));
  onTestFinished(() => {
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  });
  return dir;
}

/** Runs a program beside this file, and kills it at the end of the test if it still runs. */
export function runProgram(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): ChildProcess {
  const child = spawn(process.execPath, [file, ...args], { stdio: ["ignore", "pipe", "pipe"], env });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

/** Polls a condition until it gives a value, at most `limitMs`. */
export async function eventually<T>(
  what: string,
  probe: () => T | null | false | Promise<T | null | false>,
  limitMs = 30_000,
): Promise<T> {
  const untilMs = performance.now() + limitMs;
  for (;;) {
    const value = await probe();
    if (value !== null && value !== false) return value;
    if (performance.now() > untilMs) throw new Error(`Not within ${limitMs} ms: ${what}`);
    await wait(20);
  }
}

/** A connection to a process that listens on `socketPath`: its end is the process's end, even of a zombie. */
export async function watchLife(
  socketPath: string,
): Promise<{ readonly ended: Promise<void>; isAlive(): boolean }> {
  const socket = await eventually(`a listener on ${socketPath}`, () => tryConnect(socketPath));
  let alive = true;
  const ended = new Promise<void>((resolve) => {
    socket.once("close", () => {
      alive = false;
      resolve();
    });
  });
  socket.on("error", () => undefined);
  socket.resume();
  onTestFinished(() => {
    socket.destroy();
  });
  return { ended, isAlive: () => alive };
}

function tryConnect(socketPath: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once("connect", () => {
      resolve(socket);
    });
    socket.once("error", () => {
      resolve(null);
    });
  });
}
