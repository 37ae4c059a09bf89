import { readFileSync } from "node:fs";
import path from "node:path";
import type { Mutant } from "./mutants.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");

/**
 * The mutant's files by their paths, with its mistake in them.
 *
 * @throws if the code that it changes is there no more, or more than once
 */
export function mutated({ name, also = [], ...first }: Mutant): Map<string, string> {
  const files = new Map<string, string>();
  for (const { file, find, replace } of [first, ...also]) {
    const place = path.join(ROOT, file);
    const code = files.get(place) ?? readFileSync(place, "utf8");
    if (code.split(find).length !== 2)
      throw new Error(
        `The mutant "${name}" has no place, or several, in ${file}: mend test/simulation/mutants.ts.`,
      );
    files.set(
      place,
      code.replace(find, () => replace),
    );
  }
  return files;
}
