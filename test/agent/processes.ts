import { type ChildProcess, spawn } from "node:child_process";
import { connect, type Socket } from "node:net";
import path from "node:path";
import { onTestFinished } from "vitest";
import { eventually } from "../fixtures/eventually.ts";

const PROGRAMS = path.join(import.meta.dirname, "programs");

export function programPath(name: string): string {
  return path.join(PROGRAMS, `${name}.ts`);
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
