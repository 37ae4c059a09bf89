import { expect, test } from "vitest";
import * as z from "zod/mini";
import { createHttp } from "../../agent/http.ts";
import { ApiError, UnavailableError } from "../../agent/problem.ts";
import { problem, type Reply, serveReplies } from "./servers.ts";

const OK: Reply = { status: 200, body: { fine: true, unknown: 1 } };

async function request(
  replies: readonly Reply[],
  options: { body?: unknown; tries?: number; uniform?: number; signal?: AbortSignal } = {},
) {
  const { url, seen } = await serveReplies(replies);
  const waits: number[] = [];
  const parts = {
    uniform: () => options.uniform ?? 1,
    nowMs: () => Date.parse("2030-01-01T00:00:00Z"),
    wait: async (ms: number) => void waits.push(ms),
  };
  const http = createHttp(url, parts);
  const answer = http({
    method: "POST",
    path: "/v1/x",
    answer: z.object({ fine: z.boolean() }),
    bearer: "secret",
    ...options,
  });
  return { answer, seen, waits };
}

test("a request carries the key, the protocol version and JSON, and unknown fields of an answer are ignored", async () => {
  const { answer, seen } = await request([OK], { body: { a: 1 } });
  expect(await answer).toEqual({ fine: true });
  expect(seen).toMatchObject([
    {
      method: "POST",
      path: "/v1/x",
      body: '{"a":1}',
      headers: { authorization: "Bearer secret", "shim-protocol": "1", "content-type": "application/json" },
    },
  ]);
});

test.each([429, 500, 502, 503, 504])(
  "a %i is repeated with the same body until it succeeds, the delays doubling",
  async (status) => {
    const { answer, seen, waits } = await request(
      [problem(status, "x"), problem(status, "x"), problem(status, "x"), OK],
      { body: { a: 1 } },
    );
    expect(await answer).toEqual({ fine: true });
    expect(waits).toEqual([200, 400, 800]);
    expect(new Set(seen.map(({ body }) => body))).toEqual(new Set(['{"a":1}']));
  },
);

test("a lost connection is repeated, and what stays unreachable is unavailable after all tries", async () => {
  const recovered = await request(["hang up", OK]);
  expect(await recovered.answer).toEqual({ fine: true });
  const lost = await request(["hang up"], { tries: 3 });
  await expect(lost.answer).rejects.toThrow(UnavailableError);
  expect(lost.seen).toHaveLength(3);
});

test.each([
  [400, "request.invalid"],
  [401, "auth.invalid"],
  [404, "task.not_found"],
  [409, "lease.stale"],
  [413, "body.too_large"],
  [501, "route.not_implemented"],
])("a %i is never repeated, and its problem reaches the caller", async (status, code) => {
  const { answer, seen } = await request([problem(status, code), OK]);
  const error: unknown = await answer.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ApiError);
  expect((error as ApiError).problem).toMatchObject({ status, code, detail: "D", next: "N" });
  expect(seen).toHaveLength(1);
});

test("conflict.retry, the one 409 that asks for it, is repeated", async () => {
  const { answer } = await request([problem(409, "conflict.retry"), OK]);
  expect(await answer).toEqual({ fine: true });
});

test.each([
  ["7", 7_000],
  ["Tue, 01 Jan 2030 00:00:09 GMT", 9_000],
  ["86400", 60_000],
  ["nonsense", 200],
])("Retry-After %s waits %i ms", async (header, ms) => {
  const { answer, waits } = await request([problem(503, "x", { "retry-after": header }), OK]);
  await answer;
  expect(waits).toEqual([ms]);
});

test("full jitter reaches down to no delay", async () => {
  const { answer, waits } = await request([problem(503, "x"), OK], { uniform: 0 });
  await answer;
  expect(waits).toEqual([0]);
});

test("a refusal without problem details still says what happened", async () => {
  const { answer } = await request([{ status: 403, body: "<html>no</html>" }]);
  await expect(answer).rejects.toMatchObject({
    problem: { status: 403, code: "http.403", detail: "<html>no</html>" },
  });
});

test("an answer that does not fit the contract is an error that names the place, and is not repeated", async () => {
  const { answer, seen } = await request([{ status: 200, body: { fine: "yes" } }]);
  await expect(answer).rejects.toThrow("does not fit the contract (fine:");
  expect(seen).toHaveLength(1);
});

test("an aborted request ends with the reason it was aborted for", async () => {
  const { answer } = await request([OK], { signal: AbortSignal.abort(new Error("stopped")) });
  await expect(answer).rejects.toThrow("stopped");
});
