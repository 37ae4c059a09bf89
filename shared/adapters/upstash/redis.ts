// Of this entry only the commands are used, and it is the smallest: Node's own adds 2 KB to the heartbeat's bundle.
import { type Pipeline, Redis } from "@upstash/redis/cloudflare";
import { StoreUnavailable } from "../../ports/unavailable.ts";
import { type CircuitBreaker, createCircuitBreaker } from "./circuit-breaker.ts";
import { type SendRest, createRestClient, createRestSender } from "./rest-client.ts";

/** A Lua script with the hash it is called by, and the flag line (with the hash it then has) for key locking. */
export type Script = {
  readonly text: string;
  readonly sha1: string;
  readonly keyLocking: { readonly text: string; readonly sha1: string };
};

export type RedisOptions = {
  readonly url: string;
  readonly token: string;
  /** Locks declared keys instead of the whole database while a script runs. Upstash knows it, Redis does not. */
  readonly keyLocking?: boolean;
};

type Commands = { exec(): Promise<unknown[]> };

/** What the adapters ask of Redis. Whatever goes wrong is thrown as StoreUnavailable. */
export type RedisClient = {
  /**
   * Runs commands in order, others' commands possibly between them. What is sent in the same turn of the event loop
   * goes in one request.
   */
  send(build: (pipeline: Pipeline) => Commands): Promise<unknown[]>;
  /** Runs commands in one request and at once, or none of them. */
  transact(build: (transaction: Pipeline) => Commands): Promise<unknown[]>;
  /** Runs a script by its hash, loading it where Redis does not know it. */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
};

/** One request with all its retries: longer than Redis ever takes, shorter than a heartbeat may wait. */
export const REQUEST_TIMEOUT_MS = 1_800;
const RETRIES = 2;
const BACKOFF_BASE_MS = 50;
const ERROR_CHARACTERS_LIMIT = 300;

/**
 * Connects to Redis over its REST protocol. Commands may run twice, because lost answers are asked for again. While Redis
 * does not answer, a circuit breaker fails most calls at once.
 *
 * @param send stands between for whoever wants to see the requests
 */
export function createRedis(
  { url, token, keyLocking = false }: RedisOptions,
  send: SendRest = createRestSender(url),
): RedisClient {
  const redis = createCommands({ url, token }, send);
  const circuit = createCircuitBreaker();
  let waiting: Waiting[] = [];
  const flush = async (): Promise<void> => {
    const together = waiting;
    waiting = [];
    await runTogether(circuit, redis.pipeline(), together);
  };

  return {
    send: (build) =>
      new Promise((resolve, reject) => {
        waiting.push({ build, resolve, reject });
        if (waiting.length === 1) queueMicrotask(() => void flush());
      }),
    transact: (build) => orUnavailable(circuit, async () => build(redis.multi()).exec()),
    run: (script, keys, args) =>
      orUnavailable(circuit, async () => {
        const { sha1 } = keyLocking ? script.keyLocking : script;
        try {
          return await redis.evalsha(sha1, [...keys], [...args]);
        } catch (error) {
          if (!isUnknownScript(error)) throw error;
          const text = keyLocking ? script.keyLocking.text + script.text : script.text;
          return await redis.eval(text, [...keys], [...args]);
        }
      }),
  };
}

/** The Upstash client's commands, with decoding and telemetry off, sent by ours: its constructor takes either, not both. */
function createCommands(address: { url: string; token: string }, send: SendRest): Redis {
  const client = createRestClient({
    token: address.token,
    send,
    timeoutMs: REQUEST_TIMEOUT_MS,
    retries: RETRIES,
    backoffMs: (retry) => Math.random() * BACKOFF_BASE_MS * 2 ** retry,
  });
  class Commands extends Redis {
    protected override readonly client = client;
  }
  return new Commands({
    ...address,
    automaticDeserialization: false,
    enableAutoPipelining: false,
    enableTelemetry: false,
    responseEncoding: false,
  });
}

type Waiting = {
  readonly build: (pipeline: Pipeline) => Commands;
  readonly resolve: (replies: unknown[]) => void;
  readonly reject: (error: StoreUnavailable) => void;
};

/** Runs what several callers want in one request. A command that Redis refuses fails its own caller alone. */
async function runTogether(
  circuit: CircuitBreaker,
  pipeline: Pipeline,
  together: readonly Waiting[],
): Promise<void> {
  const ends = together.map(({ build }) => {
    build(pipeline);
    return pipeline.length();
  });
  try {
    const replies = await circuit.call(() => pipeline.exec({ keepErrors: true }));
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

async function orUnavailable<T>(circuit: CircuitBreaker, call: () => Promise<T>): Promise<T> {
  try {
    return await circuit.call(call, isFault);
  } catch (error) {
    throw unavailable(error);
  }
}

/** What Redis answers to a command is no fault of its own, even if it refuses it. */
const isFault = (error: unknown) => !(error instanceof Error && error.name === "UpstashError");

const unavailable = (error: unknown) => new StoreUnavailable("redis", withoutCommand(error));

/** The client's message repeats the whole command, with whatever it holds: only what Redis said is kept. */
function withoutCommand(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const [said = ""] = error.message.split(", command was:");
  return new Error(said.slice(0, ERROR_CHARACTERS_LIMIT), { cause: error.cause });
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}
