import { AsyncLocalStorage } from "node:async_hooks";
import http from "node:http";
import type { BenchStores } from "./stores.ts";

/** One request as it went to a store. */
type StoreRequest = {
  readonly store: "redis" | "dynamo";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
};
/** Requests that followed each other; those of different lanes ran at the same time. */
export type Lane = readonly StoreRequest[];

export type Recorder = {
  /** Runs something whose requests become a lane. */
  lane(run: () => Promise<void>): Promise<Lane>;
  stop(): void;
};

/** The parts of a signed request of the AWS SDK that go over the wire. */
type HttpRequest = {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array;
};

/** Notes each request to the stores until it is stopped. */
export function recordRequests({ rest, dynamo }: BenchStores): Recorder {
  if (!dynamo) throw new Error("Requests are recorded with the record in DynamoDB.");
  const lanes = new AsyncLocalStorage<StoreRequest[]>();
  rest.onRequest = ({ path, headers, body }) =>
    lanes.getStore()?.push({ store: "redis", path, headers, body });
  const name = "recordRequests";
  dynamo.middlewareStack.add(
    (next) => (args) => {
      const { path, headers, body } = args.request as HttpRequest;
      lanes.getStore()?.push({ store: "dynamo", path, headers, body });
      return next(args);
    },
    { step: "finalizeRequest", priority: "low", name },
  );
  return {
    async lane(run) {
      const requests: StoreRequest[] = [];
      await lanes.run(requests, run);
      return requests;
    },
    stop() {
      rest.onRequest = null;
      dynamo.middlewareStack.remove(name);
    },
  };
}

/** Where recorded requests are sent. */
export type StoreUrls = { readonly redis: string; readonly dynamo: string };

/**
 * Sends the same requests with nothing of ours around them: no operation, no schema, no client, and no look at what comes
 * back but its status. Lanes run at the same time, and what is in a lane in turn.
 *
 * @param urls an empty DynamoDB instead of the one they were recorded at
 * @returns how many were refused
 */
export async function replayRequests(lanes: readonly Lane[], urls: StoreUrls): Promise<number> {
  const agent = new http.Agent({ keepAlive: true });
  const targets = { redis: targetOf(urls.redis, agent), dynamo: targetOf(urls.dynamo, agent) };
  let refused = 0;
  const run = async (lane: Lane) => {
    for (const request of lane) if ((await post(targets[request.store], request)) >= 400) refused++;
  };
  try {
    await Promise.all(lanes.map(run));
  } finally {
    agent.destroy();
  }
  return refused;
}

function targetOf(url: string, agent: http.Agent): http.RequestOptions {
  const { hostname, port } = new URL(url);
  return { hostname, port, agent, method: "POST" };
}

function post(target: http.RequestOptions, { path, headers, body }: StoreRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.request({ ...target, path, headers }, (response) => {
      response.once("end", () => {
        resolve(response.statusCode ?? 0);
      });
      response.once("error", reject);
      response.resume();
    });
    request.once("error", reject);
    request.end(body);
  });
}
