import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { oneAtATime } from "../../infra/synth/one-at-a-time.ts";

const PATIENCE_MS = 60_000;

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "shim-test-"));
  file = path.join(folder, "state/busy");
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

test("who comes while another works waits until that one has ended, also by failing", async () => {
  const events: string[] = [];
  const { promise: failing, reject } = Promise.withResolvers<never>();
  const first = oneAtATime(file, PATIENCE_MS, () => {
    events.push("first begins");
    return failing;
  });
  const others = ["second", "third"].map((name) =>
    oneAtATime(file, PATIENCE_MS, () => {
      events.push(`${name} begins`);
      return Promise.resolve(events.push(`${name} ends`));
    }),
  );
  await expect.poll(() => events).toEqual(["first begins"]);
  events.push("first ends");
  reject(new Error("no"));
  await expect(first).rejects.toThrow("no");
  await Promise.all(others);
  expect(events.slice(0, 2)).toEqual(["first begins", "first ends"]);
  expect([events.slice(2, 4), events.slice(4)].toSorted()).toEqual([
    ["second begins", "second ends"],
    ["third begins", "third ends"],
  ]);
  expect(existsSync(file)).toBe(false);
});

test("what a process that was killed has left behind stops nobody", async () => {
  mkdirSync(path.dirname(file));
  writeFileSync(file, execFileSync(process.execPath, ["-p", "process.pid"], { encoding: "utf8" }).trim());
  expect(await oneAtATime(file, PATIENCE_MS, () => Promise.resolve("done"))).toBe("done");
});

test("nobody waits longer than it has patience", async () => {
  const endless = new Promise<never>(() => undefined);
  void oneAtATime(file, PATIENCE_MS, () => endless);
  await expect.poll(() => existsSync(file)).toBe(true);
  expect(await oneAtATime(file, 0, () => Promise.resolve("done"))).toBe("done");
});
