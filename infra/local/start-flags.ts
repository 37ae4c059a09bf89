import { parseArgs } from "node:util";
import { DEFAULT_PORT } from "./free-port.ts";
import type { RedisEngine } from "./redis.ts";
import { reasonOf } from "./start-error.ts";

export const USAGE = `Usage: npm start -- [options]

Runs the whole control plane on this machine until Ctrl-C. Everything listens on 127.0.0.1 only.

  --port PORT        port of the API (default: ${DEFAULT_PORT}, or a free one if that is taken)
  --state-dir DIR    where the record, objects and keys are kept (default: .shim)
  --profile NAME     timing of the fleet "default": standard (a crash is found within 35 s) or fast (9 s)
  --redis ENGINE     redis-server (must be on PATH) or js-redis-server (default: the first that is there)
  --json             print one JSON line when ready: {"ready":true,"url","rootKey","adminKey"}
  --help             print this

Another DynamoDB, or another SQS and S3, is used where SHIM_DYNAMODB_ENDPOINT or SHIM_AWS_ENDPOINT say, such as
http://127.0.0.1:8000. Then --state-dir keeps what is left: keys, and the record or the objects.
`;

export type StartFlags = {
  port: number | undefined;
  stateDir: string;
  profile: "standard" | "fast";
  redis: RedisEngine | undefined;
  json: boolean;
  help: boolean;
};

/** Reads the command line; a string says what is wrong with it. */
export function parseStartFlags(args: string[]): StartFlags | string {
  const values = readValues(args);
  if (typeof values === "string") return values;
  const { port, profile, redis } = values;
  if (port !== undefined && !/^\d{1,5}$/.test(port))
    return `--port ${port} is not a port: give a number from 0 to 65535.`;
  if (port !== undefined && Number(port) > 65_535)
    return `--port ${port} is not a port: give a number from 0 to 65535.`;
  if (profile !== "standard" && profile !== "fast")
    return `--profile ${profile} is unknown: give standard or fast.`;
  if (redis !== undefined && redis !== "redis-server" && redis !== "js-redis-server") {
    return `--redis ${redis} is unknown: give redis-server or js-redis-server.`;
  }
  return {
    port: port === undefined ? undefined : Number(port),
    stateDir: values["state-dir"],
    profile,
    redis,
    json: values.json,
    help: values.help,
  };
}

function readValues(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        port: { type: "string" },
        "state-dir": { type: "string", default: ".shim" },
        profile: { type: "string", default: "standard" },
        redis: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    return reasonOf(error);
  }
}
