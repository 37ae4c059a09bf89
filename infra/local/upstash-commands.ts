import { Command } from "ioredis";
import type { Redis } from "ioredis";
import { createScriptTranslator } from "./upstash-scripts.ts";

/** An argument is text, or bytes as they came in a request's body. */
export type RedisCommand = readonly [name: string, ...args: (string | Buffer)[]];
export type Reply = { result: unknown } | { error: string };

/** Called for every command as it is sent to Redis; `name` is upper case. */
export type OnCommand = (name: string, args: readonly (string | Buffer)[]) => void;

/**
 * Commands without meaning on a connection that many requests share: they block it, change its mode or its
 * user, or stop the server. Upstash refuses them over REST as well.
 */
const REFUSED = new Set(
  (
    "AUTH ASKING BGREWRITEAOF BGSAVE BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN CLIENT CLUSTER " +
    "CONFIG DEBUG DISCARD EXEC FAILOVER HELLO MIGRATE MODULE MONITOR MULTI PSUBSCRIBE PSYNC PUNSUBSCRIBE QUIT " +
    "READONLY READWRITE REPLICAOF RESET SAVE SELECT SHUTDOWN SLAVEOF SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE SYNC " +
    "UNSUBSCRIBE UNWATCH WAIT WAITAOF WATCH"
  ).split(" "),
);
const MAY_BLOCK = new Set(["XREAD", "XREADGROUP"]);

/** The reason why a command may not run over REST, or undefined. */
export function refuseCommand([name, ...args]: RedisCommand): string | undefined {
  const upper = name.toUpperCase();
  const blocks = MAY_BLOCK.has(upper) && args.some((arg) => String(arg).toUpperCase() === "BLOCK");
  return REFUSED.has(upper) || blocks ? `ERR Command is not available: '${name}'` : undefined;
}

/** Reads one command of a request's JSON; a string says what is wrong with it. */
export function parseCommand(value: unknown): RedisCommand | string {
  if (!Array.isArray(value) || value.length === 0)
    return "ERR failed to parse command: a non-empty array is expected";
  if (value.includes(null)) return "ERR null args are not supported";
  const [name, ...args] = value.map((arg: unknown) => (typeof arg === "string" ? arg : JSON.stringify(arg)));
  return name === undefined || name === "" ? "ERR empty command" : [name, ...args];
}

export type Executor = {
  /** Runs one command. */
  run(command: RedisCommand): Promise<Reply>;
  /** Runs many, in order, others between them. */
  pipeline(commands: readonly RedisCommand[]): Promise<Reply[]>;
  /** Runs many as one transaction; one error if the whole was discarded. */
  transact(commands: readonly RedisCommand[]): Promise<Reply[] | { error: string }>;
};

export function createExecutor(connection: Redis, onCommand: OnCommand): Executor {
  const scripts = createScriptTranslator();

  function send([name, ...args]: RedisCommand): Promise<unknown> {
    // Upper case keeps ioredis from reshaping arguments and replies; no encoding keeps bytes as they are.
    return connection.sendCommand(
      new Command(name.toUpperCase(), args, { replyEncoding: null }),
    ) as Promise<unknown>;
  }

  async function run(command: RedisCommand): Promise<Reply> {
    const refused = refuseCommand(command);
    if (refused !== undefined) return { error: refused };
    onCommand(command[0].toUpperCase(), command.slice(1));
    try {
      return { result: scripts.restoreReply(command, await send(scripts.translate(command))) };
    } catch (error) {
      return { error: messageOf(error) };
    }
  }

  async function transact(commands: readonly RedisCommand[]): Promise<Reply[] | { error: string }> {
    const refused = commands.map(refuseCommand).find((reason) => reason !== undefined);
    if (refused !== undefined) return { error: refused };
    for (const [name, ...args] of commands) onCommand(name.toUpperCase(), args);
    // All are written in this tick on one connection, so that no other request's command comes between.
    const queued = [["MULTI"] as const, ...commands.map(scripts.translate)].map(send);
    const outcome = send(["EXEC"]);
    const refusals = (await Promise.allSettled(queued)).filter((settled) => settled.status === "rejected");
    try {
      const replies = (await outcome) as unknown[];
      return replies.map((reply) =>
        reply instanceof Error ? { error: messageOf(reply) } : { result: reply },
      );
    } catch (error) {
      return { error: messageOf(refusals[0]?.reason ?? error) };
    }
  }

  return { run, pipeline: (commands) => Promise.all(commands.map(run)), transact };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A reply as JSON can carry it: base64 keeps bytes that are not UTF-8. Upstash leaves `OK` as it is. */
export function encodeReply(reply: Reply, base64: boolean): Reply {
  return "error" in reply ? reply : { result: encode(reply.result, base64) };
}

function encode(value: unknown, base64: boolean): unknown {
  if (Array.isArray(value)) return value.map((element) => encode(element, base64));
  if (!Buffer.isBuffer(value)) return value ?? null;
  const text = value.toString("utf8");
  return base64 && text !== "OK" ? value.toString("base64") : text;
}
