import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterEach, describe, expect, it } from "vitest";
import { PUBLISH_PREFIX } from "../../infra/local/demo/repository.ts";
import { gatherEvidence, judge, listBrokenPromises } from "../../infra/local/demo/verdict.ts";
import { eventually } from "../fixtures/eventually.ts";

const DEMO = path.resolve(import.meta.dirname, "../../infra/local/demo/demo.ts");
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "shim-test-"));
  folders.push(folder);
  return folder;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // Ours, so there is no other reason than that it is gone.
  }
}

/** A repository in which tasks have published, each with a commit of its own that holds its result. */
function makeRepository(effects: readonly { task: string; fence: number; written?: number }[]): string {
  const dir = temporaryFolder();
  const git = (...args: string[]) => execFileSync("git", ["-C", dir, ...args], { encoding: "utf8" }).trim();
  git("init", "--quiet", "--initial-branch=main");
  mkdirSync(path.join(dir, "results"));
  for (const { task, fence, written = fence } of effects) {
    writeFileSync(path.join(dir, `results/${task}.json`), JSON.stringify({ task, fence: written }));
    git("add", "--all");
    const identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    git(...identity, "commit", "--quiet", "--no-gpg-sign", `--message=${task}`);
    git("update-ref", `${PUBLISH_PREFIX}/${task}/${fence}`, "HEAD");
  }
  return dir;
}

async function countIn(repository: string, completed: readonly string[]) {
  const evidence = await gatherEvidence(repository, ["a", "b"]);
  return judge({ evidence, completed, crashes: [], wallMs: 1 });
}

describe("what the demo counts in its repository", () => {
  it("counts nothing lost or doubled when each task published once", async () => {
    const repository = makeRepository([
      { task: "a", fence: 1 },
      { task: "b", fence: 3 },
    ]);
    expect(await countIn(repository, ["a", "b"])).toMatchObject({ completed: 2, lost: 0, duplicated: 0 });
  });

  it("counts a task published under two fences as doubled", async () => {
    const repository = makeRepository([
      { task: "a", fence: 1 },
      { task: "a", fence: 3 },
      { task: "b", fence: 1 },
    ]);
    expect(await countIn(repository, ["a", "b"])).toMatchObject({ lost: 0, duplicated: 1 });
  });

  it("counts as lost what the record calls completed and the repository does not hold", async () => {
    const repository = makeRepository([{ task: "a", fence: 1 }]);
    expect(await countIn(repository, ["a", "b"])).toMatchObject({ completed: 2, lost: 1 });
  });

  it("counts as lost an effect that was written under another fence than it was published under", async () => {
    const repository = makeRepository([
      { task: "a", fence: 3, written: 1 },
      { task: "b", fence: 1 },
    ]);
    expect(await countIn(repository, ["a", "b"])).toMatchObject({ lost: 1 });
  });

  it("refuses an effect of a task that nobody submitted", async () => {
    const repository = makeRepository([{ task: "stranger", fence: 1 }]);
    await expect(gatherEvidence(repository, ["a"])).rejects.toThrow("stranger");
  });

  it("breaks a promise for each thing that may go wrong, and none otherwise", () => {
    const good = {
      submitted: 24,
      completed: 24,
      lost: 0,
      duplicated: 0,
      crashes: 3,
      recovered: 3,
      wallMs: 60_000,
    };
    expect(listBrokenPromises(good)).toEqual([]);
    for (const bad of [
      { completed: 23 },
      { lost: 1 },
      { duplicated: 1 },
      { crashes: 1, recovered: 1 },
      { recovered: 2 },
      { wallMs: 120_000 },
    ])
      expect(listBrokenPromises({ ...good, ...bad }), JSON.stringify(bad)).toHaveLength(1);
  });
});

describe("npm run demo", () => {
  it("leaves nothing running and nothing behind when it is interrupted while its hosts work", async () => {
    const demo = spawn(process.execPath, [DEMO, "--seed", "1", "--json"], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const exited = once(demo, "exit") as Promise<[number | null]>;
    const lines: string[] = [];
    createInterface(demo.stderr).on("line", (line) => lines.push(line));
    const output: string[] = [];
    createInterface(demo.stdout).on("line", (line) => output.push(line));
    const find = (pattern: RegExp) => lines.map((line) => pattern.exec(line)).find((found) => found !== null);
    await eventually("the first task is done", () => find(/count-\S+: \d+ files/), 60_000);
    demo.kill("SIGINT");
    const [code] = await exited;
    expect(code).toBe(130);
    expect(output).toEqual([]);
    const folder = find(/below (\S+)$/)?.[1] ?? "";
    expect(folder).toContain("shim-demo-");
    expect(existsSync(folder)).toBe(false);
    const started = find(/Started the hosts .*/)?.[0] ?? "";
    const pids = [...started.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));
    expect(pids).toHaveLength(2);
    expect(pids.filter(isAlive)).toEqual([]);
  });
});
