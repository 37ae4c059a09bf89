import { expect, test } from "vitest";
import { useEmbeddedCloud } from "../fixtures/embedded-cloud.ts";

const cloud = useEmbeddedCloud();

test("x", async () => {
  expect((await cloud().request("GET", "/v1/health")).body).toMatchObject({ ok: true });
  expect(
    await cloud().request("POST", "/v1/tasks", { body: { type: "hello", data: { a: 1 } } }),
  ).toMatchObject({ status: 202 });
});
