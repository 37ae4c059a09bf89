import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { createFleet, createFleetApi } from "../fixtures/fleet-api.ts";
import { createStartLog } from "../fixtures/start-log.ts";
import { git, isRunning, scratchDirectory, startHost } from "../fixtures/scratch.ts";
import { useCloudProcess } from "./cloud.ts";

const cloud = useCloudProcess();
const PUBLISHED = "refs/shim/results";

/** Bar 4: two attempts of one task never work at the same time, and the one whose lease ended leaves no trace. */
test("a supervisor frozen past its timeout changes nothing once it is thawed, and its child worked on nothing after its successor began", async () => {
  const fleet = await createFleet(cloud.current());
  const api = createFleetApi(fleet);
  const dir = scratchDirectory();
  const log = createStartLog(dir);
  git(dir, "init", "-q", "-b", "main");
  git(dir, "commit", "-q", "--allow-empty", "-m", "start");
  const beats = path.join(dir, "beats");
  const commit =
    "git -c user.name=t -c user.email=t@example.com commit -q --allow-empty -m $SHIM_TASK_ID.$SHIM_FENCE;";
  const answer = 'echo "\\"$SHIM_FENCE\\"" > $SHIM_RESULT_FILE;';
  const flags = ["--worktrees", "--publish", PUBLISHED];
  // It would finish on its own long after its lease, if nobody stopped it.
  const stuck = `if [ $SHIM_TASK_ID = t ]; then for i in $(seq 400); do echo $SHIM_FENCE >> '${beats}'; sleep 0.05; done; fi;`;
  const start = (host: string, work: string) =>
    startHost({ fleet, host, flags, cwd: dir, script: `${log.note(host)} ${commit} ${answer} ${work}` });

  const zombie = start("zombie", stuck);
  await api.live(1);
  await api.submit({ id: "t" });
  const first = await log.started("t");
  const survivor = start("survivor", `echo $SHIM_FENCE >> '${beats}';`);
  await survivor.said("registered");
  zombie.process.kill("SIGSTOP");

  const done = await api.reached("t", "completed");
  const second = await log.started("t", first.fence);
  expect(second.host).toBe("survivor");
  expect(done).toMatchObject({ attempt: 2, result: String(second.fence) });
  expect(isRunning(first.pid)).toBe(false);
  const fences = readFileSync(beats, "utf8").trim().split("\n").map(Number);
  expect(fences.slice(fences.indexOf(second.fence)), "the zombie's child after its successor").toEqual([
    second.fence,
  ]);
  await survivor.said("published", { task: "t" });

  zombie.process.kill("SIGCONT");
  await zombie.said("stopped", { task: "t" });
  // It takes new work only as a new start of its session.
  survivor.process.kill("SIGTERM");
  await survivor.exited;
  await api.submit({ id: "next" });
  await api.reached("next", "completed");
  expect(log.starts("next")).toMatchObject([{ host: "zombie" }]);
  await zombie.said("published", { task: "next" });

  expect(await api.task("t"), "the result of the task's new holder").toEqual(done);
  expect(git(dir, "for-each-ref", "--format=%(refname) %(subject)", `${PUBLISHED}/t`)).toBe(
    `${PUBLISHED}/t/${second.fence} t.${second.fence}`,
  );
  expect(log.starts("t")).toEqual([first, second]);
  const epochs = zombie.logged.filter(({ what }) => what === "registered").map(({ epoch }) => Number(epoch));
  expect(epochs.length).toBeGreaterThan(1);
  expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b));
  expect(existsSync(path.join(dir, ".git", "index.lock"))).toBe(false);
});
