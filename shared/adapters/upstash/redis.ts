// Of this entry only the commands are used, and it is the smallest.
import { type Pipeline, Redis } from "@upstash/redis/cloudflare";
import { type CircuitBreaker, createCircuitBreaker } from "./circuit-breaker.ts";
import { type SendRest, createRestClient, createRestSender } from "./rest-client.ts";
import { sendTogether, unavailable } from "./send-together.ts";

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
  return {
    send: sendTogether(circuit, () => redis.pipeline()),
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
  const client = createRestClient({ token: address.token, send });
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

async function orUnavailable<T>(circuit: CircuitBreaker, call: () => Promise<T>): Promise<T> {
  try {
    return await circuit.call(call, isFault);
  } catch (error) {
    throw unavailable(error);
  }
}

/** What Redis answers to a command is no fault of its own, even if it refuses it. */
const isFault = (error: unknown) => !(error instanceof Error && error.name === "UpstashError");

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}
