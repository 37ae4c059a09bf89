import type { Log } from "../ports/ports.ts";

const LEVELS = ["DEBUG", "INFO", "WARN", "ERROR"] as const;
type Level = (typeof LEVELS)[number];
type Fields = Readonly<Record<string, unknown>>;

/**
 * The heartbeat's log: lines as every other function writes them (shared/adapters/powertools/log.ts), without the library,
 * because reading that takes longer than answering a beat.
 */
export function createBeatLog(write: (line: string) => void): Log {
  const { AWS_LAMBDA_LOG_LEVEL: threshold = "INFO", POWERTOOLS_SERVICE_NAME: service } = process.env;
  const least = Math.max(0, LEVELS.indexOf(threshold as Level));
  const withFields = (always: Fields): Log => {
    const at = (level: Level) => (message: string, fields?: Fields) => {
      if (LEVELS.indexOf(level) < least) return;
      const timestamp = new Date().toISOString();
      write(`${JSON.stringify({ level, message, timestamp, service, ...always, ...fields })}\n`);
    };
    const [info, warn, error] = [at("INFO"), at("WARN"), at("ERROR")];
    return { info, warn, error, with: (fields) => withFields({ ...always, ...fields }) };
  };
  return withFields({});
}
