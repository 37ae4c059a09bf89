import { AsyncLocalStorage } from "node:async_hooks";
import http from "node:http";
import type { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import type { BenchStores } from "./stores.ts";

/** One request as it went to a store. */
type StoreRequest = {
  readonly store: "redis" | "dynamo";
  /** What the client of DynamoDB was asked to send. */
  readonly command: GetItemCommand | null;
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
  const commands = new AsyncLocalStorage<GetItemCommand>();
  rest.onRequest = ({ path, headers, body }) =>
    lanes.getStore()?.push({ store: "redis", command: null, path, headers, body });
  const name = "recordRequests";
  dynamo.middlewareStack.add(
    (next) => (args) => {
      const { path, headers, body } = args.request as HttpRequest;
      lanes.getStore()?.push({ store: "dynamo", command: commands.getStore() ?? null, path, headers, body });
      return next(args);
    },
    { step: "finalizeRequest", priority: "low", name },
  );
  const send = dynamo.send.bind(dynamo);
  dynamo.send = (command: GetItemCommand) => commands.run(command, () => send(command));
  return {
    async lane(run) {
      const requests: StoreRequest[] = [];
      await lanes.run(requests, run);
      return requests;
    },
    stop() {
      rest.onRequest = null;
      dynamo.middlewareStack.remove(name);
      dynamo.send = send;
    },
  };
}

/** Where recorded requests are sent: to DynamoDB as they went over the wire, or once more by its client. */
export type Targets = { readonly redis: string; readonly dynamo: string | DynamoDBClient };

/**
 * Sends the same requests with nothing of ours around them: no operation, no schema, and no look at what comes back but
 * whether it was refused. Lanes run at the same time, and what is in a lane in turn.
 *
 * @param to an empty DynamoDB instead of the one they were recorded at
 * @returns how many were refused
 */
export async function replayRequests(lanes: readonly Lane[], to: Targets): Promise<number> {
  const agent = new http.Agent({ keepAlive: true });
  const redis = targetOf(to.redis, agent);
  const { dynamo } = to;
  const wire = typeof dynamo === "string" ? targetOf(dynamo, agent) : null;
  const send = async (request: StoreRequest): Promise<boolean> => {
    if (request.store === "redis") return isAccepted(redis, request);
    if (wire) return isAccepted(wire, request);
    if (typeof dynamo === "string" || !request.command) throw new Error("A request has no command.");
    await dynamo.send(request.command);
    return true;
  };
  let refused = 0;
  const run = async (lane: Lane) => {
    for (const request of lane) if (!(await send(request))) refused++;
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

function isAccepted(target: http.RequestOptions, { path, headers, body }: StoreRequest): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const request = http.request({ ...target, path, headers }, (response) => {
      response.once("end", () => {
        resolve((response.statusCode ?? 500) < 400);
      });
      response.once("error", reject);
      response.resume();
    });
    request.once("error", reject);
    request.end(body);
  });
}
