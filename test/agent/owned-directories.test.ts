import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { ownedPrefix, removeOrphans } from "../../agent/worker/owned-directories.ts";
import { scratchDirectory } from "../fixtures/scratch.ts";
import { programPath, runProgram } from "./processes.ts";

/** A process that made a directory of its own, holding a file, and lives on. */
async function startOwner(parent: string): Promise<{ readonly process: ChildProcess; readonly dir: string }> {
  const child = runProgram(programPath("own-directory"), [parent]);
  if (!child.stdout) throw new Error("The program was started without its standard output.");
  const [dir] = (await once(createInterface(child.stdout), "line")) as [string];
  return { process: child, dir };
}

test("the directory of a killed process is removed, and that of one that lives is not", async () => {
  const parent = scratchDirectory();
  const [killed, alive] = await Promise.all([startOwner(parent), startOwner(parent)]);
  await removeOrphans(parent, "test");
  expect(existsSync(killed.dir)).toBe(true);
  killed.process.kill("SIGKILL");
  await once(killed.process, "exit");
  await removeOrphans(parent, "test");
  expect(existsSync(killed.dir)).toBe(false);
  expect(readdirSync(alive.dir)).toEqual(["file"]);
});

test("a frozen process keeps its directory", async () => {
  const parent = scratchDirectory();
  const frozen = await startOwner(parent);
  frozen.process.kill("SIGSTOP");
  await removeOrphans(parent, "test");
  expect(existsSync(frozen.dir)).toBe(true);
});

test("a process that was killed and that nobody waited for has no directory any more", async () => {
  const parent = scratchDirectory();
  // A shell that starts it and becomes a program that never waits for it: the killed one stays as a zombie.
  const script = '"$0" "$1" "$2" & echo "pid $!"; exec sleep 600';
  const keeper = spawn("sh", ["-c", script, process.execPath, programPath("own-directory"), parent], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => {
    keeper.kill("SIGKILL");
  });
  const said: string[] = [];
  for await (const line of createInterface(keeper.stdout)) if (said.push(line) === 2) break;
  const pid = Number(said.find((line) => line.startsWith("pid "))?.slice(4));
  const dir = said.find((line) => line.startsWith("/")) ?? "";
  expect(existsSync(dir)).toBe(true);
  process.kill(pid, "SIGKILL");
  await expect
    .poll(async () => {
      await removeOrphans(parent, "test");
      return existsSync(dir);
    })
    .toBe(false);
});

test("a later process of the same pid does not keep its predecessor's directory", async () => {
  const parent = scratchDirectory();
  const own = ownedPrefix("test");
  const predecessor = own.replace(/-[0-9a-f]{8}-$/, "-00000000-");
  expect(predecessor).not.toBe(own);
  for (const name of [own, predecessor]) mkdirSync(path.join(parent, `${name}x`));
  await removeOrphans(parent, "test");
  expect(readdirSync(parent)).toEqual([`${own}x`]);
});

test("what another machine, another program or nobody owns stays", async () => {
  const parent = scratchDirectory();
  const { process: owner, dir } = await startOwner(parent);
  owner.kill("SIGKILL");
  await once(owner, "exit");
  const gone = path.basename(dir);
  const elsewhere = gone.replace(/^test-[0-9a-f]{8}/, "test-00000000");
  renameSync(dir, path.join(parent, elsewhere));
  const others = [elsewhere, gone.replace(/^test/, "other"), "test", "test-1-2", "shim-task-abc"];
  for (const name of others.slice(1)) mkdirSync(path.join(parent, name));
  await removeOrphans(parent, "test");
  expect(readdirSync(parent).sort()).toEqual(others.sort());
});
