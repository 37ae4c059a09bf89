import { expect, test } from "vitest";
import { eventually } from "../fixtures/eventually.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { createFleetApi } from "../fixtures/fleet-api.ts";
import { scratchDirectory, startHost } from "../fixtures/scratch.ts";
import { createStartLog } from "../fixtures/start-log.ts";

const cloud = useEmbeddedCloud();
const LOSSES = 4;

test("Redis wiped again and again under load: every accepted task is done, by one attempt, and nobody is reaped", async () => {
  const fleet = { url: cloud().url, key: cloud().adminKey };
  const api = createFleetApi(fleet);
  const dir = scratchDirectory();
  const log = createStartLog(dir);
  const hosts = ["h1", "h2"].map((host) =>
    startHost({
      fleet,
      host,
      flags: ["--sessions", "2"],
      cwd: dir,
      script: `${log.note(host)} sleep 0.2; echo "\\"$SHIM_TASK_ID\\"" > $SHIM_RESULT_FILE`,
    }),
  );
  for (const { host, said } of hosts) await said("registered", { session: `${host}-2` });

  const ids: string[] = [];
  for (let loss = 1; loss <= LOSSES; loss++) {
    const batch = Array.from({ length: 8 }, (_, i) => `t-${loss}-${i}`);
    await api.submit(...batch.map((id) => ({ id })));
    ids.push(...batch);
    await cloud().redis.flushAll();
    // The next loss meets work that goes on again.
    await eventually(
      "half of the batch has started",
      () => {
        return log.starts().filter(({ task }) => batch.includes(task)).length >= batch.length / 2;
      },
      45_000,
    );
  }

  for (const id of ids)
    expect(await api.reached(id, "completed", 45_000)).toMatchObject({ result: id, attempt: 1 });
  expect(
    log
      .starts()
      .map(({ task }) => task)
      .sort(),
  ).toEqual([...ids].sort());
  const sessions = await api.sessions();
  expect(sessions.map(({ state, epoch, currentTasks }) => ({ state, epoch, currentTasks }))).toEqual(
    Array.from({ length: 4 }, () => ({ state: "live", epoch: 1, currentTasks: 0 })),
  );
});
