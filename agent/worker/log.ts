import { appendFileSync, writeSync } from "node:fs";

export type LogFields = {
  readonly session?: string;
  readonly task?: string;
  readonly [field: string]: string | number | boolean | null | undefined;
};

/** One line per event: what happened, and to which session and task. */
export type WorkerLog = (what: string, fields?: LogFields) => void;

/** Writes to standard error, and to `file` if one is given; as JSON lines if `json`. */
export function createWorkerLog(options: {
  readonly json: boolean;
  readonly file: string | null;
  /** Only to the file: the terminal is another's. */
  readonly quiet?: boolean;
}): WorkerLog {
  return (what, fields = {}) => {
    const at = new Date().toISOString();
    const line = `${options.json ? JSON.stringify({ at, what, ...fields }) : formatLine(at, what, fields)}\n`;
    if (!options.quiet) writeLine(line);
    if (options.file !== null) appendFileSync(options.file, line);
  };
}

function writeLine(line: string): void {
  try {
    writeSync(2, line);
  } catch (error) {
    // Nobody reads standard error any more, or its pipe is full: work goes on without the line.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EPIPE" && code !== "EAGAIN") throw error;
  }
}

function formatLine(at: string, what: string, { session, task, ...others }: LogFields): string {
  const extras = Object.entries(others)
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value]) =>
        `${name}=${typeof value === "string" && /\s/.test(value) ? JSON.stringify(value) : String(value)}`,
    );
  return [at, session ?? "-", task ?? "-", what, ...extras].join("  ");
}
