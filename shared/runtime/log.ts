import type { Log } from "../ports/ports.ts";

const LEVELS = ["DEBUG", "INFO", "WARN", "ERROR"] as const;
type Level = (typeof LEVELS)[number];

/** One JSON object a line on standard output, from the level that Lambda's own log setting names upwards. */
export function createLog(threshold: string | undefined, write: (line: string) => void): Log {
  const least = Math.max(0, LEVELS.indexOf((threshold ?? "INFO") as Level));
  const at = (level: Level) => (message: string, fields?: Record<string, unknown>) => {
    if (LEVELS.indexOf(level) < least) return;
    write(`${JSON.stringify({ level, time: new Date().toISOString(), message, ...fields })}\n`);
  };
  return { info: at("INFO"), warn: at("WARN"), error: at("ERROR") };
}

export const processLog: Log = createLog(process.env["AWS_LAMBDA_LOG_LEVEL"], (line) =>
  process.stdout.write(line),
);
