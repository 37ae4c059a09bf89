import path from "node:path";
import { expect, test } from "vitest";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { createFleetApi } from "../fixtures/fleet-api.ts";
import { scratchDirectory, startHost } from "../fixtures/scratch.ts";
import { createStartLog } from "../fixtures/start-log.ts";

const cloud = useEmbeddedCloud({ functions: { dispatch: "test/fixtures/deaf-dispatch.handler" } });

test("with every dispatch message lost, what was submitted, what must be tried again and what depends on it is still done", async () => {
  const fleet = { url: cloud().url, key: cloud().adminKey };
  const api = createFleetApi(fleet);
  const dir = scratchDirectory();
  const log = createStartLog(dir);
  const failed = path.join(dir, "failed");
  const once = `case $SHIM_TASK_ID in again*) [ -e '${failed}' ] || { touch '${failed}'; exit 75; };; esac`;
  const host = startHost({ fleet, host: "h", cwd: dir, script: `${log.note("h")} ${once}` });
  await host.said("registered");
  await api.submit({ id: "again" }, { id: "after", dependsOn: ["again"] }, { id: "plain" });
  await api.reached("plain", "completed");
  expect(await api.reached("again", "completed", 60_000)).toMatchObject({ attempt: 2 });
  expect(await api.reached("after", "completed")).toMatchObject({ attempt: 1 });
});
