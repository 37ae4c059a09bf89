import { expect, test } from "vitest";
import {
  CircuitOpenError,
  FAILURES_TO_OPEN,
  OPEN_MS,
  createCircuitBreaker,
} from "../../shared/adapters/upstash/circuit-breaker.ts";

/** A service that answers or not, and a clock that only the test moves. */
function scene() {
  let nowMs = 0;
  let calls = 0;
  let answers = false;
  const circuit = createCircuitBreaker(
    () => nowMs,
    () => 1,
  );
  const ask = () =>
    circuit.call(async () => {
      calls++;
      if (!answers) throw new Error("no answer");
      return "answer";
    });
  const outcome = () => ask().catch((error: unknown) => (error instanceof Error ? error.name : "?"));
  return {
    circuit,
    outcome,
    calls: () => calls,
    set: (value: boolean) => {
      answers = value;
    },
    pass: (ms: number) => {
      nowMs += ms;
    },
    async open() {
      for (let i = 0; i < FAILURES_TO_OPEN; i++) expect(await outcome()).toBe("Error");
    },
  };
}

const LONGEST_MS = OPEN_MS * 1.5;

test("a circuit opens after failures in a row, and then asks nothing until its time has passed", async () => {
  const { open, outcome, calls, pass } = scene();
  await open();
  pass(LONGEST_MS - 1);
  for (let i = 0; i < 10; i++) expect(await outcome()).toBe("CircuitOpenError");
  expect(calls()).toBe(FAILURES_TO_OPEN);
});

test("one call in between that is answered starts the count again", async () => {
  const { outcome, set, calls } = scene();
  for (let i = 0; i < 5 * FAILURES_TO_OPEN; i++) {
    set(i % FAILURES_TO_OPEN === FAILURES_TO_OPEN - 1);
    await outcome();
  }
  expect(calls()).toBe(5 * FAILURES_TO_OPEN);
});

test("an open circuit lets one call try at a time: answered it closes, not answered it stays open", async () => {
  const { open, outcome, calls, pass, set } = scene();
  await open();
  pass(LONGEST_MS);
  expect(await Promise.all([outcome(), outcome(), outcome()])).toEqual([
    "Error",
    "CircuitOpenError",
    "CircuitOpenError",
  ]);
  expect(await outcome()).toBe("CircuitOpenError");
  pass(LONGEST_MS);
  set(true);
  expect(await outcome()).toBe("answer");
  expect(await Promise.all([outcome(), outcome()])).toEqual(["answer", "answer"]);
  expect(calls()).toBe(FAILURES_TO_OPEN + 1 + 3);
});

test("an error that is an answer opens nothing", async () => {
  const { circuit } = scene();
  const refuse = () =>
    circuit.call(
      () => Promise.reject(new TypeError("wrong type")),
      () => false,
    );
  for (let i = 0; i < 3 * FAILURES_TO_OPEN; i++) await expect(refuse()).rejects.toThrow(TypeError);
});

test("calls under way when the circuit opens end as they would", async () => {
  const { circuit, open } = scene();
  const slow = Promise.withResolvers<string>();
  const under = circuit.call(() => slow.promise);
  await open();
  slow.resolve("late answer");
  expect(await under).toBe("late answer");
});

test("the error says why nothing was asked", () => {
  expect(new CircuitOpenError(4).message).toBe("not asked: 4 calls in a row had no answer");
});
