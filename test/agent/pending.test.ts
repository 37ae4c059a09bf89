import { expect, test } from "vitest";
import { createPending } from "../../agent/client/pending.ts";

const failure = () => Promise.reject<number>(new Error("refused"));

test("a call nobody awaited is waited for by the next, which gets its error once", async () => {
  const pending = createPending();
  void pending.track(failure());
  await expect(pending.settle()).rejects.toThrow("refused");
  await expect(pending.settle()).resolves.toBeUndefined();
});

test("an error somebody awaited is not told twice", async () => {
  const pending = createPending();
  await expect(pending.track(failure())).rejects.toThrow("refused");
  await expect(pending.settle()).resolves.toBeUndefined();
});

test("a call's value arrives, and later calls wait for it", async () => {
  const pending = createPending();
  let finish: (value: number) => void = () => undefined;
  const call = pending.track(
    new Promise<number>((resolve) => {
      finish = resolve;
    }),
  );
  let settled = false;
  const settling = pending.settle().then(() => {
    settled = true;
  });
  await Promise.resolve();
  expect(settled).toBe(false);
  finish(7);
  await settling;
  expect(await call).toBe(7);
});
