import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { unzipSync } from "fflate";
import { type PackedFunction, sstDiff } from "../../infra/diff/sst-diff.ts";
import type { Cloud } from "../../infra/local/cloud.ts";
import type { Overrides } from "../../infra/local/functions.ts";
import { FUNCTIONS } from "../../infra/routes.ts";
import type { FunctionName } from "../../infra/routes.ts";
import { FUNCTION_SIZES } from "../../infra/sizes.ts";
import { type LambdaProcess, buildRuntimeClient, startLambdaProcess } from "./runtime-api.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const NAMES = Object.keys(FUNCTIONS) as FunctionName[];

/** The zips that `sst diff` builds, each in a process as Lambda runs it, in the place of an embedded cloud's functions. */
export type Zips = {
  /** Given to the cloud before it starts. */
  readonly functions: Overrides;
  /** Builds the zips with the cloud's addresses sealed into them, and starts their processes. */
  start(cloud: Cloud): Promise<void>;
  /** Functions that were invoked. */
  readonly invoked: ReadonlySet<FunctionName>;
  /** What a function's process found in its environment besides AWS's own. */
  environmentOf(name: FunctionName): Readonly<Record<string, string>>;
  close(): Promise<void>;
};

export function createZips(stage: string): Zips {
  const processes = new Map<FunctionName, LambdaProcess>();
  const invoked = new Set<FunctionName>();
  const packed = new Map<FunctionName, PackedFunction>();
  let folder: string | null = null;
  const invoke = (name: FunctionName) => async (event: unknown) => {
    const process = processes.get(name);
    if (!process) throw new Error(`The zip of ${name} does not run yet.`);
    invoked.add(name);
    return process.invoke(event);
  };
  return {
    functions: Object.fromEntries(NAMES.map((name) => [name, invoke(name)])),
    async start(cloud) {
      folder = await mkdtemp(path.join(tmpdir(), "shim-zips-"));
      const client = await buildRuntimeClient(folder);
      for (const fn of await sstDiff({ root: ROOT, stage, ...addressesOf(cloud) })) {
        packed.set(fn.name, fn);
        const unzipped = path.join(folder, fn.name);
        await unzip(fn.zip, unzipped);
        const environment = { ...fn.environment, ...awsEnvironment() };
        const timeoutMs = FUNCTION_SIZES[fn.name].timeoutS * 1_000;
        const start = { client, folder: unzipped, handler: fn.handler, environment, timeoutMs };
        processes.set(fn.name, await startLambdaProcess(start));
      }
    },
    invoked,
    environmentOf: (name) => packed.get(name)?.environment ?? {},
    async close() {
      await Promise.all([...processes.values()].map((process) => process.close()));
      if (folder !== null) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What the stack is told of its secrets and its resources: they are those of the embedded cloud. */
function addressesOf({ url, state, tableName, bucketName, queuesAndObjects: { queues } }: Cloud) {
  const { url: redisUrl, token } = JSON.parse(process.env["SST_RESOURCE_Redis"] ?? "{}") as {
    url: string;
    token: string;
  };
  return {
    secrets: {
      RootKey: state.credentials.rootKey,
      TokenKeys: state.credentials.tokenKeys,
      UpstashRedisUrl: redisUrl,
      UpstashRedisToken: token,
    },
    answers: {
      RecordTable: { name: tableName },
      PayloadsBucket: { bucket: bucketName },
      DispatchQueueQueue: { url: queues.dispatch.url },
      WakeQueueQueue: { url: queues.wake.url },
      HeartbeatUrl: { functionUrl: `${url}/` },
    },
  };
}

/** Lambda's own part of a function's environment: the region, credentials, and here the way to the embedded stores. */
function awsEnvironment(): Record<string, string> {
  const own = Object.entries(process.env).filter(([name]) => name.startsWith("AWS_"));
  return Object.fromEntries(own.map(([name, value]) => [name, value ?? ""]));
}

async function unzip(zip: Buffer, folder: string): Promise<void> {
  const isFile = ({ name }: { name: string }) => !name.endsWith("/");
  for (const [name, bytes] of Object.entries(unzipSync(zip, { filter: isFile }))) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, bytes);
  }
}
