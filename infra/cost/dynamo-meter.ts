import { type IncomingMessage, createServer } from "node:http";
import { text } from "node:stream/consumers";
import { closeServer, listenOnLoopback, LOOPBACK } from "../local/free-port.ts";
import { type Item, indexWriteUnits, itemBytes, readUnits, writeUnits } from "./item-size.ts";

/** What DynamoDB would bill, by operation and what it was about. */
export type DynamoUse = {
  readonly operation: string;
  /** Which kind of item: the first words of its keys. */
  readonly item: string;
  readonly writeUnits: number;
  readonly readUnits: number;
};

export type DynamoMeter = {
  readonly url: string;
  /** What was used since the last call. */
  take(): readonly DynamoUse[];
  close(): Promise<void>;
};

type Request = {
  readonly TableName?: string;
  readonly Key?: Item;
  readonly Item?: Item;
  readonly ConsistentRead?: boolean;
  readonly RequestItems?: Readonly<Record<string, { readonly ConsistentRead?: boolean }>>;
};
type Answer = {
  readonly Item?: Item;
  readonly Items?: readonly Item[];
  readonly Responses?: Readonly<Record<string, readonly Item[]>>;
};
type Headers = Readonly<Record<string, string>>;

const TARGET = "DynamoDB_20120810.";

/**
 * Stands before a DynamoDB and reckons what each request costs there. The embedded one reports no units of the index, so all
 * are computed, from the items as they are before and after each write.
 */
export async function startDynamoMeter(endpoint: string): Promise<DynamoMeter> {
  let used: DynamoUse[] = [];

  async function ask(headers: Headers, operation: string, body: string) {
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { ...headers, "x-amz-target": TARGET + operation },
      body,
    });
    return { status: response.status, text: await response.text() };
  }

  async function read(headers: Headers, { TableName }: Request, key: Item): Promise<Item | null> {
    const answer = await ask(
      headers,
      "GetItem",
      JSON.stringify({ TableName, Key: key, ConsistentRead: true }),
    );
    return (JSON.parse(answer.text) as Answer).Item ?? null;
  }

  async function meter(headers: Headers, operation: string, body: string) {
    const request = JSON.parse(body) as Request;
    const { Item: put } = request;
    const key = request.Key ?? (put ? { pk: put["pk"] ?? { S: "" }, sk: put["sk"] ?? { S: "" } } : null);
    const writes = /^(Put|Update|Delete)Item$/.test(operation);
    const before = writes && key ? await read(headers, request, key) : null;
    const answer = await ask(headers, operation, body);
    const refused = answer.status !== 200;
    const after = writes && key ? (refused ? before : await read(headers, request, key)) : null;
    const found = refused || writes ? {} : (JSON.parse(answer.text) as Answer);
    used.push({
      operation,
      item: key ? kindOf(key) : operation,
      // A write whose condition did not hold costs what a write of what is there would.
      writeUnits: writes ? writeUnits(before, after) + (refused ? 0 : indexWriteUnits(before, after)) : 0,
      readUnits: writes ? 0 : unitsRead(request, found),
    });
    return answer;
  }

  const server = createServer((request, response) => {
    void (async () => {
      const operation = String(request.headers["x-amz-target"]).slice(TARGET.length);
      const answer = await meter(passed(request), operation, await text(request));
      response.writeHead(answer.status, { "content-type": "application/x-amz-json-1.0" }).end(answer.text);
    })().catch(() => response.destroy());
  });
  const port = await listenOnLoopback(server);
  return {
    url: `http://${LOOPBACK}:${port}`,
    take() {
      const taken = used;
      used = [];
      return taken;
    },
    close: () => closeServer(server),
  };
}

/** The headers that a request is sent on with: its length and its compression are this hop's. */
function passed({ headers }: IncomingMessage): Headers {
  const names = ["authorization", "content-type", "x-amz-date"];
  return Object.fromEntries(names.map((name) => [name, String(headers[name] ?? "")]));
}

function unitsRead(request: Request, { Item: one, Items: many, Responses: batch }: Answer): number {
  if (request.RequestItems) {
    const consistent = Object.values(request.RequestItems).some(({ ConsistentRead }) => ConsistentRead);
    const items = Object.values(batch ?? {}).flat();
    // Each item of a batch is rounded up by itself.
    return items.reduce((total, item) => total + readUnits(itemBytes(item), consistent), 0);
  }
  const items = many ?? (one ? [one] : []);
  const bytes = items.reduce((total, item) => total + itemBytes(item), 0);
  return readUnits(bytes, request.ConsistentRead ?? false);
}

/** `F#TASK#t1` and `HEAD` are `TASK/HEAD`: what differs from fleet to fleet and from task to task is left out. */
function kindOf(key: Item): string {
  const [first = "", second = ""] = (key["pk"]?.S ?? "").split("#");
  const [sort = ""] = (key["sk"]?.S ?? "").split("#");
  return `${second === "" ? first : second}/${sort}`;
}
