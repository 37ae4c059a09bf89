import type { FunctionName } from "./routes.ts";

/**
 * Every link a handler may read, with its properties: name for name what the deployed stack and the embedded
 * cloud both set, so that handlers need no local branch. `App {name, stage}` comes with either by itself.
 */
export const LINK_NAMES = {
  /** Secret: the one key that creates fleets. */
  RootKey: ["value"],
  /** Secret: `kid:base64url[,oldkid:base64url]`; the first signs tokens, all verify. */
  TokenKeys: ["value"],
  /** Upstash Redis over REST. */
  Redis: ["url", "token"],
  /** The DynamoDB table. */
  Record: ["name"],
  /** The S3 bucket of task data, results and checkpoints past the size of an item. */
  Payloads: ["name"],
  DispatchQueue: ["url"],
  WakeQueue: ["url"],
  /** Secret: of Statsig's server SDK; empty: allocation is local, and nobody is asked. */
  StatsigServerKey: ["value"],
  /** Secret: of Statsig's console; empty: experiments are not shown there. */
  StatsigConsoleKey: ["value"],
  /** Where hosts post heartbeats: the whole URL. */
  HeartbeatEndpoint: ["url"],
} as const satisfies Record<string, readonly string[]>;
export type LinkName = keyof typeof LINK_NAMES;

/**
 * Which links each function gets. A function holds no secret and no name that it does not use. Whoever
 * authenticates needs the root key, if only to tell its holder what it is not for.
 */
export const FUNCTION_LINKS: Record<FunctionName, readonly LinkName[]> = {
  heartbeat: ["TokenKeys", "Redis"],
  sessions: [
    "RootKey",
    "TokenKeys",
    "Redis",
    "Record",
    "Payloads",
    "DispatchQueue",
    "WakeQueue",
    "HeartbeatEndpoint",
    "StatsigServerKey",
  ],
  tasks: ["RootKey", "TokenKeys", "Redis", "Record", "Payloads", "DispatchQueue", "StatsigServerKey"],
  operator: ["RootKey", "TokenKeys", "Redis", "Record", "Payloads", "DispatchQueue"],
  checkpoints: ["RootKey", "TokenKeys", "Redis", "Record", "Payloads"],
  hooks: ["RootKey", "TokenKeys", "Redis", "Record", "Payloads", "DispatchQueue"],
  mcp: ["RootKey", "TokenKeys", "Redis", "Record", "Payloads", "DispatchQueue"],
  dispatch: ["Redis", "Record", "Payloads", "DispatchQueue"],
  sweep: ["Redis", "Record", "Payloads", "DispatchQueue"],
  experiments: ["Redis", "Record", "StatsigConsoleKey"],
};
