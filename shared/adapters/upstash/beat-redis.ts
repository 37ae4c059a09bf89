import { createCircuitBreaker } from "./circuit-breaker.ts";
import { type SendRest, createRestClient, createRestSender } from "./rest-client.ts";
import { type Batch, type Reply, sendTogether } from "./send-together.ts";

type Scored = { readonly score: number; readonly member: string };
/** When a member's score is written: only upwards, only downwards, or upwards where it is there, counting what moved. */
type Raising =
  { readonly gt: true } | { readonly lt: true } | { readonly xx: true; readonly gt: true; readonly ch: true };
type Expiring = { readonly ex: number } | { readonly ex: number; readonly nx: true };

/** The commands of a heartbeat, called as the package's pipelines call them. */
export type BeatCommands = {
  get(key: string): BeatCommands;
  hincrby(key: string, field: string, by: number): BeatCommands;
  mget(...keys: string[]): BeatCommands;
  set(key: string, value: string, options: Expiring): BeatCommands;
  zadd(key: string, how: Raising, first: Scored, ...rest: Scored[]): BeatCommands;
  zmscore(key: string, members: string[]): BeatCommands;
};

/** What a heartbeat asks of Redis: a part of `RedisClient`. Whatever goes wrong is thrown as StoreUnavailable. */
export type BeatClient = {
  /** Runs commands in order. What is sent in the same turn of the event loop goes in one request. */
  send(build: (commands: BeatCommands) => unknown): Promise<unknown[]>;
};

export type BeatRedisOptions = {
  readonly url: string;
  readonly token: string;
  /** Hears how many commands a request has. */
  readonly onCommands?: (count: number) => void;
};

type Command = readonly (string | number)[];

/**
 * Connects to Redis with a heartbeat's few commands. The package's client is one class of all 200, which is half of what
 * the heartbeat's bundle would weigh (docs/decisions/0201-light-heartbeat.md).
 */
export function createBeatRedis(
  { url, token, onCommands = () => undefined }: BeatRedisOptions,
  send: SendRest = createRestSender(url),
): BeatClient {
  const client = createRestClient({ token, send });
  const post = (commands: readonly Command[]) => {
    onCommands(commands.length);
    return client.request<Reply[]>({ path: ["pipeline"], body: commands }) as Promise<Reply[]>;
  };
  return { send: sendTogether(createCircuitBreaker(), () => createBeatBatch(post)) };
}

function createBeatBatch(post: (commands: readonly Command[]) => Promise<Reply[]>): BeatCommands & Batch {
  const commands: Command[] = [];
  const add = (...command: Command): BeatCommands => {
    commands.push(command);
    return batch;
  };
  const batch: BeatCommands & Batch = {
    length: () => commands.length,
    exec: () => post(commands),
    get: (key) => add("GET", key),
    hincrby: (key, field, by) => add("HINCRBY", key, field, by),
    mget: (...keys) => add("MGET", ...keys),
    set: (key, value, options) =>
      add("SET", key, value, "EX", options.ex, ...("nx" in options ? ["NX"] : [])),
    zadd: (key, how, ...scored) =>
      add("ZADD", key, ...flagsOf(how), ...scored.flatMap(({ score, member }) => [score, member])),
    zmscore: (key, members) => add("ZMSCORE", key, ...members),
  };
  return batch;
}

const flagsOf = (how: Raising): string[] => Object.keys(how).map((flag) => flag.toUpperCase());
