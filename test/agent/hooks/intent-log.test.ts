import { spawn } from "node:child_process";
import { appendFileSync, readFileSync, statSync, truncateSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  intentFile,
  openIntentLog,
  readIntents,
  removeIntents,
  takeLeftIntents,
} from "../../../agent/hooks/intent-log.ts";
import { scratchDirectory } from "../../fixtures/scratch.ts";

const AT = new Date("2026-11-01T10:00:00Z");
const call = (id: string) => ({ id, name: "Bash", summary: `run ${id}` });

test("what has begun and not ended is of unknown outcome; it is on disk before the call runs", () => {
  const file = path.join(scratchDirectory(), "a", "intents.jsonl");
  const log = openIntentLog(file);
  log.begun(call("1"), "t", AT);
  expect(readIntents(file)).toEqual([
    { ...call("1"), task: "t", startedAt: AT.toISOString(), endedAt: null, outcome: "unknown" },
  ]);
  log.begun(call("2"), null, AT);
  log.ended("1", true, AT);
  log.ended("2", false, AT);
  log.begun(call("3"), null, AT);
  log.close();
  expect(readIntents(file).map(({ id, outcome }) => `${id} ${outcome}`)).toEqual([
    "1 ok",
    "2 failed",
    "3 unknown",
  ]);
  expect(statSync(file).mode & 0o077).toBe(0);
  removeIntents(file);
  expect(readIntents(file)).toEqual([]);
});

test("a log that was cut anywhere tells of all that was written before, and never of an outcome that was not", () => {
  const file = path.join(scratchDirectory(), "intents.jsonl");
  const log = openIntentLog(file);
  for (const id of ["1", "2", "3"]) {
    log.begun(call(id), null, AT);
    log.ended(id, true, AT);
  }
  log.close();
  const whole = readFileSync(file, "utf8");
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length }), (length) => {
      const cut = path.join(path.dirname(file), "cut.jsonl");
      removeIntents(cut);
      appendFileSync(cut, whole);
      truncateSync(cut, length);
      const lines = whole.slice(0, length).split("\n").length - 1;
      const outcomes = readIntents(cut).map(({ outcome }) => outcome);
      expect(outcomes.length).toBeGreaterThanOrEqual(Math.ceil(lines / 2));
      expect(outcomes.filter((outcome) => outcome === "ok").length).toBeLessThanOrEqual(Math.ceil(lines / 2));
      expect(outcomes.slice(0, Math.floor(lines / 2)).every((outcome) => outcome === "ok")).toBe(true);
    }),
  );
});

test("what a supervisor that is gone left unfinished is found once, and what a live one writes is left alone", async () => {
  const folder = scratchDirectory();
  const gone = spawn(process.execPath, ["-e", ""], { stdio: "ignore" });
  const { pid = 0 } = gone;
  await new Promise((resolve) => gone.once("exit", resolve));
  const ours = intentFile(folder, "ses_1");
  const theirs = ours.replace(`-${process.pid}-`, `-${pid}-`);
  for (const file of [ours, theirs]) {
    const log = openIntentLog(file);
    log.begun(call("1"), "t", AT);
    log.ended("1", true, AT);
    log.begun(call("2"), "t", AT);
    log.close();
  }
  expect(takeLeftIntents(folder)).toMatchObject([{ id: "2", task: "t", outcome: "unknown" }]);
  expect(takeLeftIntents(folder)).toEqual([]);
  expect(readIntents(ours)).toHaveLength(2);
});
