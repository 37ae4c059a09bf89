import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { reasonOf } from "../start-error.ts";

export const USAGE = `Usage: npm run demo -- [options]

Two hosts work on a git repository made from this project while one task's process, one supervisor and all of
Redis are killed under them. Counts in the repository that nothing was lost or done twice.

  --seed N   makes the moments and choices of a run repeatable (default: a random one, which is printed)
  --json     the story goes to standard error, and the last line of standard output is one JSON object
  --keep     keep the temporary folder
  --help     print this
`;

const SEED_LIMIT = 2 ** 31;

export type DemoFlags = { seed: number; json: boolean; keep: boolean; help: boolean };

/** Reads the command line; a string says what is wrong with it. */
export function parseDemoFlags(args: string[]): DemoFlags | string {
  const values = readValues(args);
  if (typeof values === "string") return values;
  const { seed, ...others } = values;
  if (seed === undefined) return { ...others, seed: randomInt(SEED_LIMIT) };
  if (!/^\d{1,10}$/.test(seed) || Number(seed) >= SEED_LIMIT) {
    return `--seed ${seed} is not a seed: give a whole number from 0 to ${SEED_LIMIT - 1}.`;
  }
  return { ...others, seed: Number(seed) };
}

function readValues(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        seed: { type: "string" },
        json: { type: "boolean", default: false },
        keep: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    return reasonOf(error);
  }
}
