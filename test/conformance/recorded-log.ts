import type { Log } from "../../shared/ports/ports.ts";

export type RecordedLine = {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Record<string, unknown>;
};

/** A log whose lines a test reads. */
export function createRecordedLog(): { readonly log: Log; readonly lines: RecordedLine[] } {
  const lines: RecordedLine[] = [];
  const logWith = (bound: Record<string, unknown>): Log => {
    const at =
      (level: RecordedLine["level"]) =>
      (message: string, fields: Record<string, unknown> = {}) => {
        lines.push({ level, message, fields: { ...bound, ...fields } });
      };
    return {
      with: (fields) => logWith({ ...bound, ...fields }),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
    };
  };
  return { log: logWith({}), lines };
}
