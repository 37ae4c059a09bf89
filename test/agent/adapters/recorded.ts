import { readFileSync } from "node:fs";
import path from "node:path";

const FOLDER = path.resolve(import.meta.dirname, "../../fixtures/agents");

/** Where a record of a real agent is: claude-code 2.1.197, codex 0.171.0, with a scripted model. Shortened. */
export const recordFile = (name: string) => path.join(FOLDER, `${name}.jsonl`);

/** Its lines. */
export const recorded = (name: string): readonly string[] =>
  readFileSync(recordFile(name), "utf8").trim().split("\n");
