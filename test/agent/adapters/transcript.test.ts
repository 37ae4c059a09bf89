import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { readLastLines } from "../../../agent/adapters/transcript.ts";
import { scratchDirectory } from "../../fixtures/scratch.ts";

function fileOf(text: string): string {
  const file = path.join(scratchDirectory(), "transcript.jsonl");
  writeFileSync(file, text);
  return file;
}
const lineOf = (n: number, bytes = 20) => JSON.stringify({ n, text: "é".repeat(bytes / 2) });

test("of a long transcript the end is read, from the beginning of a line", async () => {
  const lines = Array.from({ length: 2_000 }, (_, n) => lineOf(n, 1_000));
  const read = await readLastLines(fileOf(`${lines.join("\n")}\n`));
  expect(read?.at(-1)).toEqual(JSON.parse(lineOf(1_999, 1_000)));
  expect(read?.length).toBeGreaterThan(400);
  expect(read?.length).toBeLessThan(600);
});

test("a last line that is longer than what is read at first is read", async () => {
  const read = await readLastLines(fileOf([lineOf(1), lineOf(2, 3_000_000), ""].join("\n")));
  expect(read?.at(-1)).toEqual(JSON.parse(lineOf(2, 3_000_000)));
});

test.each([
  ["is empty", ""],
  ["ends within a line", `${lineOf(1)}\n{"n":2,`],
  ["is no JSON", "hello\n"],
])("a transcript that %s is none", async (_what, text) => {
  expect(await readLastLines(fileOf(text))).toBeNull();
});

test("a file that is not there, or is a folder, is no transcript", async () => {
  const dir = scratchDirectory();
  expect(await readLastLines(path.join(dir, "nothing"))).toBeNull();
  expect(await readLastLines(dir)).toBeNull();
});
