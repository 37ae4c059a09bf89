import { afterAll, beforeAll, expect, test } from "vitest";
import { SignalsAnswer } from "../../shared/contract/checkpoint.ts";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { eventually } from "../fixtures/eventually.ts";
import { must, registerSession } from "./cast.ts";
import { type CloudDump, createCloudDump } from "./cloud-dump.ts";

const cloud = useEmbeddedCloud({ profile: "fast" });
let stores: CloudDump;
beforeAll(() => {
  stores = createCloudDump(cloud());
});
afterAll(() => {
  stores.close();
});

const read = async (query = "") =>
  SignalsAnswer.parse(await must(cloud(), "GET", `/v1/sessions/chat/signals${query}`));

test("what beats say of a session's health is read back, once the sweep has written it down", async () => {
  const chat = await registerSession(cloud(), { id: "chat", host: "h" });
  await registerSession(cloud(), { id: "other", host: "h" });
  const beat = (seq: number, contextUsed: number) =>
    must(cloud(), "POST", "/v1/heartbeat", {
      key: chat.hostToken,
      body: {
        ...{ host: "h", boot: "boot-of-h", seq },
        sessions: [
          { id: "chat", epoch: 1, signals: { contextUsed, model: "m", deep: { a: 1 } } },
          { id: "other", epoch: 1, signals: { contextUsed: 0.99 } },
        ],
      },
    });
  expect(await read()).toEqual({ signals: [], cursor: null });
  await beat(1, 0.1);
  await beat(2, 0.8);
  const rows = await eventually("the change of zone is written down", async () => {
    const { signals } = await read();
    return signals.length > 0 ? signals : undefined;
  });
  expect(rows).toMatchObject([{ zone: "danger", signals: null }]);

  // The minute is over: nobody waits for it in a test.
  const entries = (await stores.redis("ZRANGE", "shim:agenda", 0, -1)) as string[];
  for (const entry of entries.filter((member) => member.startsWith("signals|")))
    await stores.redis("ZADD", "shim:agenda", "XX", 1, entry);
  const both = await eventually("the minute is written down", async () => {
    const { signals } = await read();
    return signals.length > 1 ? signals : undefined;
  });
  expect(both).toMatchObject([
    { zone: "safe", signals: { contextUsed: 0.1, model: "m" } },
    { zone: "danger", signals: null },
  ]);
  expect(both[0]?.signals, "only plain values").not.toHaveProperty("deep");
  const from = both[1]?.at ?? "";
  expect((await read(`?from=${from}`)).signals).toEqual(both.slice(1));
  expect((await read(`?to=${from}`)).signals).toEqual(both);
  expect((await read("?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z")).signals).toEqual([]);
}, 60_000);
