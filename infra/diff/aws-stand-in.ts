import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import { LOOPBACK, closeServer, listenOnLoopback } from "../local/free-port.ts";

/** Where SST believes that it has bootstrapped the account. Version 5 is what SST 4.17 looks for. */
const BOOTSTRAP = {
  version: 5,
  asset: "sst-asset-diff",
  assetEcrRegistryId: "123456789012",
  assetEcrUrl: "123456789012.dkr.ecr.us-east-1.amazonaws.com/sst-asset",
  state: "sst-state-diff",
  appsyncHttp: "",
  appsyncRealtime: "",
};

/**
 * The two services that `sst secret` and `sst diff` ask before Pulumi starts: parameters of Systems Manager, which hold the
 * passphrase of a stage, and objects of S3, which hold its secrets and its state. In memory, on loopback.
 */
export async function startAwsStandIn(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const parameters = new Map([["/sst/bootstrap", JSON.stringify(BOOTSTRAP)]]);
  const objects = new Map<string, Buffer>();

  function callSystemsManager(call: string, body: string): [status: number, answer: object] {
    const { Name = "", Value = "" } = JSON.parse(body) as { Name?: string; Value?: string };
    if (call === "PutParameter") {
      parameters.set(Name, Value);
      return [200, { Version: 1 }];
    }
    const value = call === "GetParameter" ? parameters.get(Name) : undefined;
    if (value !== undefined) return [200, { Parameter: { Name, Value: value, Type: "String", Version: 1 } }];
    return [400, { __type: call === "GetParameter" ? "ParameterNotFound" : "UnknownOperation" }];
  }

  function callS3(method: string, key: string, body: Buffer, response: ServerResponse): void {
    const found = objects.get(key);
    if (method === "PUT") {
      objects.set(key, body);
      response.writeHead(200, { etag: '"stored"' }).end();
    } else if (method === "DELETE") {
      objects.delete(key);
      response.writeHead(204).end();
    } else if (found) response.writeHead(200).end(method === "HEAD" ? undefined : found);
    else
      response
        .writeHead(404, { "content-type": "application/xml" })
        .end("<Error><Code>NoSuchKey</Code><Message>There is no such object.</Message></Error>");
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "", headers } = request;
    const body = await buffer(request);
    const target = headers["x-amz-target"];
    if (target === undefined) {
      callS3(method, url.split("?", 1)[0] ?? url, isChunked(request) ? unchunked(body) : body, response);
      return;
    }
    const [status, answered] = callSystemsManager(
      String(target).replace(/^AmazonSSM\./, ""),
      body.toString(),
    );
    response.writeHead(status, { "content-type": "application/x-amz-json-1.1" });
    response.end(JSON.stringify(answered));
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  const port = await listenOnLoopback(server);
  return { url: `http://${LOOPBACK}:${port}`, close: () => closeServer(server) };
}

const isChunked = ({ headers }: IncomingMessage) => headers["x-amz-decoded-content-length"] !== undefined;

/** A body as it was before the SDK cut it into signed chunks: each its size in hex, a line, its bytes and a line. */
function unchunked(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const end = body.indexOf("\r\n", at);
    const size = parseInt(body.toString("latin1", at, end), 16);
    if (end < 0 || !(size > 0)) return Buffer.concat(parts);
    parts.push(body.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}
