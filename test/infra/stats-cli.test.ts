import { spawnSync } from "node:child_process";
import path from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = path.resolve(import.meta.dirname, "../..");

function stats(args: readonly string[], input = "") {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [path.join(ROOT, "test/study/stats.ts"), ...args],
    { input, encoding: "utf8" },
  );
  return { status, stdout, stderr, lines: stdout.split("\n").filter(Boolean) };
}

const QUANTILE = { distribution: "normal", p: 0.5 };

describe("npm run stats", () => {
  it("answers one question with one line", () => {
    const { status, lines } = stats(["quantile", JSON.stringify(QUANTILE)]);
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([{ value: 0 }]);
    expect(status).toBe(0);
  });

  it.each([
    [["nothing", "{}"], "nothing"],
    [["quantile", "{"], "JSON"],
    [["quantile", '{"distribution":"normal","p":2}'], "p: Too big"],
    [["quantile"], "Usage"],
    [["--stdin", "quantile"], "Usage"],
    [["--what"], "--what"],
  ])("says what is wrong with %j, and exits with 64", (args, words) => {
    const { status, stdout, stderr } = stats(args);
    expect(stderr).toContain(words);
    expect(stdout).toBe("");
    expect(status).toBe(64);
  });

  it("answers lines in their order, each bad one in its place", () => {
    const none = { kind: "proportion", n: 0, sum: 0 };
    const means = { control: none, treatment: none, alpha: 0.05, scale: "absolute", side: "two" };
    const input = [
      JSON.stringify({ id: "a", method: "quantile", input: QUANTILE }),
      "",
      "no JSON",
      JSON.stringify({ id: 2, method: "quantile", input: {} }),
      "[]",
      JSON.stringify({ method: "compareMeans", input: means }),
    ].join("\n");
    const { status, lines } = stats(["--stdin"], input);
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      { id: "a", value: 0 },
      { error: expect.stringContaining("no JSON") as string },
      { id: 2, error: expect.stringContaining("distribution") as string },
      { error: expect.stringContaining("object") as string },
      { estimate: 0, standardError: "Infinity", pValue: 1, interval: ["-Infinity", "Infinity"] },
    ]);
    expect(status).toBe(1);
  });

  it("lists its methods and its usage", () => {
    expect(stats(["--list"]).lines).toContain("compareMeans");
    expect(stats(["--help"]).stdout).toContain("--stdin");
  });
});
