import { expect, test } from "vitest";
import { labels, words } from "../../agent/commands/options.ts";
import { readSubmissions } from "../../agent/commands/read-submissions.ts";
import { formatTable } from "../../agent/commands/text.ts";
import { createProgram } from "../../agent/program.ts";
import { problem, serveReplies } from "./servers.ts";
import { openTerminal, spawnShim } from "./shim-command.ts";

test("tasks are read from an object, an array, or one object a line", () => {
  const one = { type: "a", data: 1 };
  expect(readSubmissions(JSON.stringify(one), "f")).toEqual([one]);
  expect(readSubmissions(JSON.stringify([one, one], null, 2), "f")).toEqual([one, one]);
  expect(readSubmissions(`${JSON.stringify(one)}\n\n${JSON.stringify(one)}\n`, "f")).toEqual([one, one]);
});

test("what is no task is named by its place, and nothing else is read from the file", () => {
  expect(() => readSubmissions("[1]", "f")).toThrow("Entry 1 of f is not a task");
  expect(() => readSubmissions('{"a":1}\n{"b":', "f")).toThrow("line 2");
  expect(() => readSubmissions("{", "f")).toThrow("f is not JSON");
});

test("capabilities and labels are checked where they are typed", () => {
  expect(words("a, b,,c")).toEqual(["a", "b", "c"]);
  expect(() => words("a b")).toThrow('"a b"');
  expect(labels("zone=a,os=linux", { x: "1" })).toEqual({ x: "1", zone: "a", os: "linux" });
  expect(() => labels("zone")).toThrow("name=value");
});

test("what a task says cannot drive the terminal of who reads it", () => {
  expect(formatTable(["A"], [["\u001b[2Jx\n"]])).toBe("A\n [2Jx");
});

test("each command that help names is there when only its own code is read", async () => {
  const terminal = openTerminal("", {});
  const all = (await createProgram(undefined, terminal)).commands.map((command) => command.name());
  expect(all).toEqual([...new Set(all)]);
  for (const name of all) {
    const read = (await createProgram(name, terminal)).commands.map((command) => command.name());
    expect(read).toContain(name);
    expect(read.length, name).toBeLessThan(5);
  }
});

test.each([
  ["help", ["--help"], 0],
  ["an unknown command", ["bogus"], 2],
  ["an unknown option", ["status", "--bogus"], 2],
  ["a worker without a command", ["worker", "--url", "http://x", "--key", "k"], 2],
  [
    "a command that does not exist",
    ["worker", "--url", "http://x", "--key", "k", "--", "no-such-program-here"],
    2,
  ],
  ["no server named", ["status"], 2],
])("%s exits with its code", async (_, args, code) => {
  expect((await spawnShim(args)).code).toBe(code);
});

test("an unreachable server exits with 69, and says so as JSON in the last line", async () => {
  const { url } = await serveReplies(["hang up"]);
  const { out, code } = await spawnShim(["tasks", "task_1", "--url", url, "--key", "k", "--json"]);
  expect(code).toBe(69);
  expect(JSON.parse(out.trim())).toMatchObject({ error: { code: "server.unavailable" } });
});

test("a key that may not do that exits with 77, and prints title, reason, code and next step", async () => {
  const { url } = await serveReplies([problem(403, "scope.insufficient")]);
  const { err, code } = await spawnShim(["tasks", "task_1"], "", { SHIM_URL: url, SHIM_KEY: "k" });
  expect(code).toBe(77);
  expect(err).toMatch(/T\n.*D\n.*scope\.insufficient\n.*N/);
});
