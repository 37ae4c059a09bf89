import type { Command } from "commander";
import { RetentionAnswer } from "../../shared/contract/fleet.ts";
import { RETENTION_MS_LIMIT, RETENTION_MS_MINIMUM } from "../../shared/contract/limits.ts";
import { addCommand, type CommonOptions, openOperator, print, type Terminal } from "./context.ts";
import { integer } from "./options.ts";

const DAY_MS = 24 * 3_600_000;
const DAYS = { lowest: RETENTION_MS_MINIMUM / DAY_MS, highest: RETENTION_MS_LIMIT / DAY_MS };

export function addRetentionCommand(program: Command, terminal: Terminal): void {
  addCommand(program, "retention", "show or set how long what has ended is kept", [
    "shim retention",
    "shim retention 90",
    "shim retention default",
  ])
    .argument(
      "[days]",
      `${DAYS.lowest} to ${DAYS.highest}, or default; for what ends from now on`,
      daysOrDefault,
    )
    .action(async (days: number | null | undefined, flags: CommonOptions) => {
      const { http, key } = openOperator(terminal, flags);
      const path = "/v1/retention";
      const answer =
        days === undefined
          ? await http({ method: "GET", path, answer: RetentionAnswer, bearer: key })
          : await http({
              method: "POST",
              path,
              answer: RetentionAnswer,
              bearer: key,
              body: { retentionMs: days === null ? null : days * DAY_MS },
            });
      print(terminal, flags, answer, () => `What ends is kept for ${answer.retentionMs / DAY_MS} days.`);
    });
}

function daysOrDefault(text: string): number | null {
  return text === "default" ? null : integer(DAYS.lowest, DAYS.highest)(text);
}
