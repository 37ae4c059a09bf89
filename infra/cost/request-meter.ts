import { createServer, request as startRequest } from "node:http";
import { closeServer, LOOPBACK, listenOnLoopback } from "../local/free-port.ts";

export type RequestMeter = {
  readonly url: string;
  /** The requests since the last call: SQS's by their action, S3's by their method. */
  take(): readonly string[];
  close(): Promise<void>;
};

const ACTION = /^AmazonSQS\.(\w+)$/;

/** Stands before SQS and S3, and counts what AWS bills there: requests. */
export async function startRequestMeter(endpoint: string): Promise<RequestMeter> {
  const { hostname, port } = new URL(endpoint);
  let seen: string[] = [];
  const server = createServer((request, response) => {
    const { method = "GET", url: path, headers } = request;
    seen.push(ACTION.exec(String(headers["x-amz-target"]))?.[1] ?? method);
    const passed = startRequest({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    passed.on("error", () => response.destroy());
    request.pipe(passed);
  });
  const own = await listenOnLoopback(server);
  return {
    url: `http://${LOOPBACK}:${own}`,
    take() {
      const taken = seen;
      seen = [];
      return taken;
    },
    close: () => closeServer(server),
  };
}
