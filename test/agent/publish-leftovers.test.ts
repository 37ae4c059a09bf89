import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test, vi } from "vitest";
import { eventually } from "../fixtures/eventually.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { git, scratchDirectory, startHost } from "../fixtures/scratch.ts";
import { createFleet } from "./fleet.ts";
import { serveSeverable } from "./severable.ts";

const cloud = useEmbeddedCloud();
// A bound, not a duration: on a busy machine every process takes its time to start.
vi.setConfig({ testTimeout: 90_000 });

const FLAGS = ["--worktrees", "--publish", "refs/shim/results"];
const COMMIT =
  "git -c user.name=t -c user.email=t@example.com commit -q --allow-empty -m $SHIM_TASK_ID.$SHIM_FENCE";

function repository(): string {
  const dir = scratchDirectory();
  git(dir, "init", "-q", "-b", "main");
  git(dir, "commit", "-q", "--allow-empty", "-m", "start");
  return dir;
}

const refs = (repo: string) => git(repo, "for-each-ref", "--format=%(objectname) %(refname)", "refs/shim");
const notes = (repo: string) => readdirSync(path.join(repo, ".git", "shim", "unpublished"));
const lines = (file: string) => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []);

/** The next update of a ref below refs/shim kills this process and is undone: nobody can be killed more exactly. */
function killAtPublication(repo: string, pid: number | undefined): void {
  const victim = path.join(repo, ".git", "victim");
  writeFileSync(victim, String(pid));
  const hook = `#!/bin/sh
[ "$1" = prepared ] && grep -q " refs/shim/" || exit 0
[ -e ${victim} ] || exit 0
pid=$(cat ${victim}); rm ${victim}; kill -9 $pid && exit 1
`;
  writeFileSync(path.join(repo, ".git", "hooks", "reference-transaction"), hook, { mode: 0o755 });
}

test("a worker killed between an accepted completion and its ref has it published by the next that starts", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const repo = repository();
  const dir = scratchDirectory();
  const script = `echo $SHIM_FENCE >> ${dir}/starts; ${COMMIT}`;
  const first = startHost({ fleet, host: "h", flags: FLAGS, cwd: repo, script });
  killAtPublication(repo, first.process.pid);
  await fleet.submit({ id: "t" });
  expect(await first.exited).toBeNull();
  expect(first.process.signalCode).toBe("SIGKILL");
  const { state, evidence } = await fleet.task("t");
  const { commit, ref } = evidence as { commit: string; ref: string };
  expect(state).toBe("completed");
  expect(refs(repo)).toBe("");

  const next = startHost({ fleet, host: "h", flags: FLAGS, cwd: repo, script });
  await next.said("published for a worker that is gone", { task: "t" });
  expect(ref).toBe(`refs/shim/results/t/${lines(`${dir}/starts`)[0]}`);
  expect(refs(repo)).toBe(`${commit} ${ref}`);
  expect(git(repo, "log", "-1", "--format=%s", ref)).toBe(`t.${lines(`${dir}/starts`)[0]}`);
  await eventually("the note is gone", () => notes(repo).length === 0);
  await next.said("registered");
  expect(lines(`${dir}/starts`)).toHaveLength(1);
});

test("what a killed worker's completion did not reach the server with is never published", async () => {
  const fleet = await createFleet(cloud(), "fast");
  const way = await serveSeverable(fleet.url);
  const repo = repository();
  const dir = scratchDirectory();
  // The same commit whoever makes it: only the ref tells the attempts apart.
  const dates = "export GIT_AUTHOR_DATE=@1700000000+0000 GIT_COMMITTER_DATE=@1700000000+0000";
  const same = `${dates}; ${COMMIT.replace(".$SHIM_FENCE", "")}`;
  const first = startHost({
    fleet: { url: way.url, key: fleet.key },
    host: "first",
    flags: FLAGS,
    cwd: repo,
    script: `${same}; touch ${dir}/made; until [ -e ${dir}/go ]; do sleep 0.02; done`,
  });
  await fleet.submit({ id: "t" });
  await eventually("the commit is made", () => existsSync(`${dir}/made`));
  way.setReachable(false);
  writeFileSync(`${dir}/go`, "");
  await first.said("outcome could not be delivered yet", { task: "t" });
  await first.kill();
  const [note = ""] = notes(repo);
  const noted = JSON.parse(
    readFileSync(path.join(repo, ".git", "shim", "unpublished", note), "utf8"),
  ) as object;

  const second = startHost({ fleet, host: "second", flags: FLAGS, cwd: repo, script: same });
  const { evidence } = await fleet.reached("t", "completed");
  await second.said("published", { task: "t" });
  const published = refs(repo);
  const { commit, ref } = evidence as { commit: string; ref: string };
  expect(published).toBe(`${commit} ${ref}`);
  expect(noted).toMatchObject({ commit });
  expect(noted).not.toMatchObject({ ref });

  const third = startHost({ fleet, host: "third", flags: FLAGS, cwd: repo, script: same });
  await third.said("registered");
  expect(refs(repo)).toBe(published);
});

test("a completion whose result is refused fails the task, and its commit is not published", async () => {
  const fleet = await createFleet(cloud());
  const repo = repository();
  // As large as a result may be: with the commit's name beside it, it is too large.
  const result = `{ printf '"'; head -c 262142 /dev/zero | tr '\\0' x; printf '"'; } > $SHIM_RESULT_FILE`;
  const worker = startHost({ fleet, host: "h", flags: FLAGS, cwd: repo, script: `${COMMIT}; ${result}` });
  await fleet.submit({ id: "t" });
  expect(await fleet.reached("t", "failed")).toMatchObject({ error: { code: "result.too_large" } });
  await worker.said("failed", { task: "t", code: "result.too_large" });
  worker.process.kill("SIGTERM");
  expect(await worker.exited).toBe(0);
  expect(worker.tally()).toMatchObject({ completed: 0, failed: 1 });
  expect(refs(repo)).toBe("");
  expect(notes(repo)).toEqual([]);
});
