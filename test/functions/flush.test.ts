import { expect, test, vi } from "vitest";
import { API } from "../../shared/contract/api.ts";
import { createApp, serve, toHandler } from "../../functions/edge/endpoint.ts";
import { createWorld } from "../fixtures/memory-world.ts";
import { httpEvent } from "../lambda/http-event.ts";

/** A function whose allocator delivers when the test lets it, and what its handler answers to a session. */
async function scene(flush: () => Promise<void>) {
  const world = createWorld();
  const { answer } = await world.register("s1");
  const order: string[] = [];
  const allocator = {
    ...world.ports.allocator,
    flush: async () => {
      order.push("flush");
      await flush();
      order.push("delivered");
    },
  };
  const app = createApp(() => ({ ...world.ports, allocator }));
  serve(app, API.tellExposures, {
    run: async () => {
      order.push("run");
      return {};
    },
  });
  const handler = toHandler(app);
  const body = { parameters: ["checkpointIntervalMs"] };
  const { event } = httpEvent("POST", "/v1/sessions/s1/exposures", answer.token, body);
  const call = async () => {
    const { statusCode } = (await handler(event as Parameters<typeof handler>[0])) as { statusCode: number };
    order.push(`answer ${statusCode}`);
  };
  return { world, order, call };
}

test("a function answers only once exposures have left it: after its answer it may be frozen", async () => {
  let deliver: () => void = () => undefined;
  const { order, call } = await scene(() => new Promise((resolve) => (deliver = resolve)));
  const answered = call();
  await vi.waitFor(() => {
    expect(order).toEqual(["run", "flush"]);
  });
  // Whatever else could happen has had its turn.
  await new Promise((resolve) => setImmediate(resolve));
  expect(order).toEqual(["run", "flush"]);
  deliver();
  await answered;
  expect(order).toEqual(["run", "flush", "delivered", "answer 200"]);
});

test("exposures that cannot be told fail no request, and are said", async () => {
  const { world, order, call } = await scene(() => Promise.reject(new Error("away")));
  await call();
  expect(order).toEqual(["run", "flush", "answer 200"]);
  expect(world.logged).toContainEqual(
    expect.objectContaining({ level: "warn", message: "exposures were not told" }),
  );
});
