import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MODULE_URL, buildScriptsModule } from "../../shared/adapters/upstash/lua/build-scripts.ts";
import * as scripts from "../../shared/adapters/upstash/lua/scripts.ts";
import { createRedis } from "../../shared/adapters/upstash/redis.ts";
import { createWorkQueue } from "../../shared/adapters/upstash/work-queue.ts";
import { describeOnRedis, withRedis } from "./redis-stores.ts";
import { FLEET, ready } from "./work-queue-suite.ts";

test("the module of scripts is what its Lua files make of it", () => {
  expect(readFileSync(MODULE_URL, "utf8")).toBe(buildScriptsModule());
});

test.each(Object.entries(scripts))(
  "%s is called by the hash of its text, with and without key locking",
  (_, script) => {
    const sha1 = (text: string) => createHash("sha1").update(text).digest("hex");
    expect(script.sha1).toBe(sha1(script.text));
    expect(script.keyLocking.sha1).toBe(sha1(script.keyLocking.text + script.text));
    expect(script.keyLocking.text).toBe("#!lua flags=allow-key-locking\n");
  },
);

describeOnRedis("Scripts", (engine) => {
  const store = withRedis(engine, createWorkQueue);

  test("a script's text is sent once, then its hash", async () => {
    await store.port.take(FLEET, [[]], "r1", 100);
    await store.port.take(FLEET, [[]], "r1", 100);
    expect(store.commands).toEqual(["EVALSHA", "EVAL", "EVALSHA"]);
  });

  test("scripts run with the flag by which Upstash locks keys instead of the database", async () => {
    const queue = createWorkQueue(createRedis({ ...store.address, keyLocking: true }));
    await queue.add(FLEET, [ready("a", 1)]);
    const take = await queue.take(FLEET, [[]], "r1", 100);
    expect(take).toMatchObject(ready("a", 1));
    if (take) await queue.putBack(FLEET, take);
    expect(await queue.heads(FLEET)).toEqual([ready("a", 1)]);
  });
});
