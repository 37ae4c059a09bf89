import { AsyncLocalStorage } from "node:async_hooks";
import http from "node:http";
import { buffer } from "node:stream/consumers";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";

/** One request as it went to a store. */
type StoreRequest = {
  readonly store: "redis" | "dynamo";
  readonly url: string;
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
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array;
};

/** Notes each request to the stores until it is stopped. The Upstash client sends its own by `fetch`. */
export function recordRequests(dynamo: DynamoDBClient): Recorder {
  const lanes = new AsyncLocalStorage<StoreRequest[]>();
  const original = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    const headers = Object.fromEntries(new Headers(init?.headers));
    const body = typeof init?.body === "string" ? init.body : "";
    lanes
      .getStore()
      ?.push({ store: "redis", url: input instanceof Request ? input.url : String(input), headers, body });
    return original(input, init);
  };
  const name = "recordRequests";
  dynamo.middlewareStack.add(
    (next) => (args) => {
      const { hostname, port, path, headers, body } = args.request as HttpRequest;
      lanes
        .getStore()
        ?.push({ store: "dynamo", url: `http://${hostname}:${port ?? 80}${path}`, headers, body });
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
      globalThis.fetch = original;
      dynamo.middlewareStack.remove(name);
    },
  };
}

/**
 * Sends the same requests with nothing of ours around them: no operation, no schema, no client. Lanes run at the same
 * time, and what is in a lane in turn.
 *
 * @param dynamoUrl an empty DynamoDB instead of the one they were recorded at
 * @returns how many were refused
 */
export async function replayRequests(lanes: readonly Lane[], dynamoUrl: string): Promise<number> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: lanes.length });
  let refused = 0;
  const run = async (lane: Lane) => {
    for (const { store, url, headers, body } of lane) {
      const target = store === "dynamo" ? dynamoUrl : url;
      const status = await post(agent, target, headers, body);
      if (status >= 400) refused++;
    }
  };
  try {
    await Promise.all(lanes.map(run));
  } finally {
    agent.destroy();
  }
  return refused;
}

function post(
  agent: http.Agent,
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const length = typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
    const request = http.request(
      url,
      { method: "POST", agent, headers: { ...headers, "content-length": length } },
      (response) => {
        buffer(response).then(() => {
          resolve(response.statusCode ?? 0);
        }, reject);
      },
    );
    request.once("error", reject);
    request.end(body);
  });
}
