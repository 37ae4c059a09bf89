import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { onTestFinished } from "vitest";
import { eventually, temporaryDirectory } from "./processes.ts";
import type { TestFleet } from "./fleet.ts";

const CLI = path.resolve(import.meta.dirname, "../../agent/cli.ts");

export type LogLine = {
  readonly what: string;
  readonly session?: string;
  readonly task?: string;
  readonly [field: string]: unknown;
};

/** A real `shim worker` process and what it logged. */
export type WorkerProcess = {
  readonly process: ChildProcess;
  readonly logged: readonly LogLine[];
  readonly exited: Promise<number | null>;
  /** The last line of its output. */
  tally(): unknown;
  /** Waits for a logged line. */
  said(what: string, about?: Partial<LogLine>): Promise<LogLine>;
};

export type WorkerStart = {
  readonly fleet: Pick<TestFleet, "url" | "key">;
  readonly host: string;
  readonly flags?: readonly string[];
  /** Run by `sh -c` for each task. */
  readonly script?: string;
  readonly cwd?: string;
};

export function startWorker({
  fleet,
  host,
  flags = [],
  script,
  cwd = temporaryDirectory(),
}: WorkerStart): WorkerProcess {
  const command = script === undefined ? [] : ["--", "sh", "-c", script];
  const args = [
    CLI,
    "worker",
    "--url",
    fleet.url,
    "--key",
    fleet.key,
    "--json",
    "--host",
    host,
    ...flags,
    ...command,
  ];
  const child = spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  const logged: LogLine[] = [];
  let output = "";
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines)
      logged.push(line.startsWith("{") ? (JSON.parse(line) as LogLine) : { what: line });
  });
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  onTestFinished(({ task }) => {
    child.kill("SIGKILL");
    if (task.result?.state === "fail")
      process.stderr.write(`${host}:\n${logged.map((line) => JSON.stringify(line)).join("\n")}\n${output}\n`);
  });
  return {
    process: child,
    logged,
    exited,
    tally: () => JSON.parse(output.trim().split("\n").at(-1) ?? "null") as unknown,
    said: (what, about = {}) =>
      eventually(`${host} says "${what}"`, () => {
        const matches = (line: LogLine) =>
          line.what.startsWith(what) && Object.entries(about).every(([name, value]) => line[name] === value);
        return logged.find(matches) ?? null;
      }),
  };
}
