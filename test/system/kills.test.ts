import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { eventually } from "../fixtures/eventually.ts";
import { createFleet, createFleetApi } from "../fixtures/fleet-api.ts";
import { createStartLog } from "../fixtures/start-log.ts";
import { isRunning, scratchDirectory, startHost } from "../fixtures/scratch.ts";
import { useCloudProcess } from "./cloud.ts";

const cloud = useCloudProcess();

test("when a supervisor is killed its children and theirs die, and each of its tasks runs once more, elsewhere", async () => {
  const fleet = await createFleet(cloud.current());
  const api = createFleetApi(fleet);
  const dir = scratchDirectory();
  const log = createStartLog(dir);
  const grandchildren = path.join(dir, "grandchildren");
  const flags = ["--sessions", "2"];
  const stuck = `${log.note("killed")} sleep 600 & echo $! >> '${grandchildren}'; wait`;
  const killed = startHost({ fleet, host: "killed", flags, cwd: dir, script: stuck });
  await api.submit({ id: "a" }, { id: "b" });
  const starts = [await log.started("a"), await log.started("b")];
  const pids = await eventually("both have a child", () => {
    const lines = readFileSync(grandchildren, "utf8").trim().split("\n");
    return lines.length === 2 && [...lines.map(Number), ...starts.map(({ pid }) => pid)];
  });
  expect(pids.every(isRunning)).toBe(true);
  const survivor = startHost({ fleet, host: "survivor", flags, cwd: dir, script: log.note("survivor") });
  await survivor.said("registered", { session: "survivor-2" });

  await killed.kill();
  await eventually("no process of its tasks runs", () => !pids.some(isRunning), 5_000);
  for (const id of ["a", "b"]) {
    expect(await api.reached(id, "completed")).toMatchObject({ attempt: 2 });
    expect(log.starts(id).map(({ host }) => host)).toEqual(["killed", "survivor"]);
  }
});

test("an embedded cloud killed under load and started again has every task it accepted, its sessions live on, and all is done", async () => {
  // Timeouts of 30 s: what is meant to outlive the outage must not depend on how fast this machine restarts it.
  const fleet = await createFleet(cloud.current(), "standard");
  const api = createFleetApi(fleet);
  const dir = scratchDirectory();
  const log = createStartLog(dir);
  const ran = (task: string) => path.join(dir, task);
  // `long` runs through the outage; `again` asks once to be tried again, so its delayed event dies with the queue.
  const work = `case $SHIM_TASK_ID in long) until [ -e '${ran("go")}' ]; do sleep 0.05; done;; again) [ -e '${ran("again")}' ] || { touch '${ran("again")}'; exit 75; };; *) sleep 0.05;; esac`;
  const ids = Array.from({ length: 20 }, (_, i) => `quick-${i}`);
  const all = ["long", "again", ...ids, "after"];
  await api.submit({ id: "long" }, { id: "again" });
  await api.submit(...ids.map((id) => ({ id })), { id: "after", dependsOn: ["long", "again"] });
  const hosts = ["h1", "h2"].map((host) =>
    startHost({ fleet, host, flags: ["--sessions", "2"], cwd: dir, script: `${log.note(host)} ${work}` }),
  );
  for (const { host, said } of hosts) await said("registered", { session: `${host}-2` });
  await log.started("long");
  await log.started("again");

  await cloud.kill();
  const killedMs = Date.now();
  expect(log.starts().length, "it was killed under load").toBeLessThan(all.length);
  await cloud.restart();
  await eventually("all four sessions beat again", async () => {
    const beating = (await api.sessions()).filter(
      ({ lastBeatAt }) => Date.parse(lastBeatAt ?? "") > killedMs,
    );
    return beating.length === 4;
  });
  writeFileSync(ran("go"), "");
  for (const id of all) await api.reached(id, "completed", 45_000);
  expect(log.starts("long"), "it ran through the outage").toHaveLength(1);
  expect(log.starts("again")).toHaveLength(2);
  for (const { logged } of hosts)
    expect(
      logged.filter(({ what }) => what === "registered").map(({ epoch }) => epoch),
      "sessions outlive the outage",
    ).toEqual([1, 1]);
});
