import { StoreUnavailable } from "../../ports/unavailable.ts";
import type { CircuitBreaker } from "./circuit-breaker.ts";

/** What Redis said to each command of a batch. */
export type Reply = { readonly result?: unknown; readonly error?: string | undefined };

/** Commands that go in one request. */
export type Batch = {
  length(): number;
  exec(options: { keepErrors: true }): Promise<Reply[]>;
};

type Waiting<B> = {
  readonly build: (batch: B) => unknown;
  readonly resolve: (replies: unknown[]) => void;
  readonly reject: (error: StoreUnavailable) => void;
};

const ERROR_CHARACTERS_LIMIT = 300;

/** Sends what callers want in the same turn of the event loop in one request, each caller's commands in order. */
export function sendTogether<B extends Batch>(
  circuit: CircuitBreaker,
  open: () => B,
): (build: (batch: B) => unknown) => Promise<unknown[]> {
  let waiting: Waiting<B>[] = [];
  const flush = async (): Promise<void> => {
    const together = waiting;
    waiting = [];
    await runTogether(circuit, open(), together);
  };
  return (build) =>
    new Promise((resolve, reject) => {
      waiting.push({ build, resolve, reject });
      if (waiting.length === 1) queueMicrotask(() => void flush());
    });
}

/** Runs what several callers want in one request. A command that Redis refuses fails its own caller alone. */
async function runTogether<B extends Batch>(
  circuit: CircuitBreaker,
  batch: B,
  together: readonly Waiting<B>[],
): Promise<void> {
  const ends = together.map(({ build }) => {
    build(batch);
    return batch.length();
  });
  try {
    const replies = await circuit.call(() => batch.exec({ keepErrors: true }));
    for (const [i, { resolve, reject }] of together.entries()) {
      const mine = replies.slice(i === 0 ? 0 : ends[i - 1], ends[i]);
      const failed = mine.find(({ error }) => error !== undefined);
      if (failed) reject(unavailable(new Error(failed.error)));
      else resolve(mine.map(({ result }) => result));
    }
  } catch (error) {
    for (const { reject } of together) reject(unavailable(error));
  }
}

/** The error of a request to Redis, as everything above the adapters knows it. */
export const unavailable = (error: unknown) => new StoreUnavailable("redis", withoutCommand(error));

/** The client's message repeats the whole command, with whatever it holds: only what Redis said is kept. */
function withoutCommand(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const [said = ""] = error.message.split(", command was:");
  return new Error(said.slice(0, ERROR_CHARACTERS_LIMIT), { cause: error.cause });
}
