import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { type ServerResponse, createServer } from "node:http";
import path from "node:path";
import { build } from "esbuild";
import { listenOnLoopback } from "../../infra/local/free-port.ts";

/** A deployed function as Lambda runs it: its unpacked zip in a process of its own. */
export type LambdaProcess = {
  /** Runs it once. Rejects as an invocation fails: the handler threw or could not be imported, or its time was up. */
  invoke(event: unknown): Promise<unknown>;
  /** When its process asked for its first event, as `performance.now()` tells; null until then. */
  readonly readyMs: number | null;
  close(): Promise<void>;
};

export type LambdaProcessOptions = {
  /** What `buildRuntimeClient` made. */
  readonly client: string;
  /** Folder with the function's files: the zip, unpacked. */
  readonly folder: string;
  /** `path/to/file.handler` in it. */
  readonly handler: string;
  /** All that its process finds in its environment, but for what every Lambda function finds there. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
};

type Pending = { readonly event: unknown; resolve(answer: unknown): void; reject(error: Error): void };

const API = "/2018-06-01/runtime";
const CALL = /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/;

/** By what the runtime's part of a function's process asks for events. */
export type RuntimeClient = "http" | "fetch";

/** Bundles the runtime's part of a function's process into a folder: read as TypeScript, it would start later than any function. */
export async function buildRuntimeClient(folder: string, by: RuntimeClient = "http"): Promise<string> {
  const outfile = path.join(folder, `client-by-${by}.mjs`);
  const entry = path.join(import.meta.dirname, `client-by-${by}.ts`);
  await build({ entryPoints: [entry], outfile, bundle: true, platform: "node", format: "esm", minify: true });
  return outfile;
}

/** Starts a function's process, and the Runtime API that it asks for events, on loopback. */
export async function startLambdaProcess(options: LambdaProcessOptions): Promise<LambdaProcess> {
  const { folder, handler, timeoutMs } = options;
  const queued: Pending[] = [];
  const running = new Map<string, Pending>();
  let idle: ServerResponse | null = null;
  let readyMs: number | null = null;
  let broken: Error | null = null;

  function giveNext(): void {
    const next = idle === null ? undefined : queued.shift();
    if (!idle || !next) return;
    const id = randomUUID();
    running.set(id, next);
    idle.writeHead(200, {
      "lambda-runtime-aws-request-id": id,
      "lambda-runtime-deadline-ms": String(Date.now() + timeoutMs),
      "content-type": "application/json",
    });
    idle.end(JSON.stringify(next.event));
    idle = null;
  }

  function failAll(error: Error): void {
    broken ??= error;
    for (const { reject } of [...queued.splice(0), ...running.values()]) reject(broken);
    running.clear();
  }

  function took(url: string, body: string, response: ServerResponse): void {
    if (url === `${API}/invocation/next`) {
      readyMs ??= performance.now();
      idle = response;
      giveNext();
      return;
    }
    const [, id = "", what] = CALL.exec(url) ?? [];
    const call = running.get(id);
    running.delete(id);
    if (what === "response") call?.resolve(JSON.parse(body));
    else if (what === "error") call?.reject(errorOf(body));
    else failAll(errorOf(body));
    response.writeHead(202).end("{}");
  }

  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (part: string) => (body += part));
    request.on("end", () => {
      took(request.url ?? "", body, response);
    });
  });
  const port = await listenOnLoopback(server);
  const child = spawn(process.execPath, [options.client], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      PATH: process.env["PATH"],
      ...options.environment,
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
      AWS_LAMBDA_FUNCTION_NAME: handler,
      LAMBDA_TASK_ROOT: folder,
      _HANDLER: handler,
    },
  });
  const gone = new Promise<void>((resolve) => child.once("exit", resolve));
  void gone.then(() => {
    failAll(new Error(`The process of ${handler} has ended.`));
  });

  return {
    get readyMs() {
      return readyMs;
    },
    invoke: (event) =>
      new Promise((resolve, reject) => {
        if (broken) {
          reject(broken);
          return;
        }
        const timer = setTimeout(() => {
          child.kill("SIGKILL");
          failAll(new Error(`${handler} did not answer within ${timeoutMs} ms.`));
        }, timeoutMs);
        const settled =
          <T>(settle: (value: T) => void) =>
          (value: T) => {
            clearTimeout(timer);
            settle(value);
          };
        queued.push({ event, resolve: settled(resolve), reject: settled(reject) });
        giveNext();
      }),
    async close() {
      child.kill("SIGKILL");
      await gone;
      server.closeAllConnections();
      server.close();
    },
  };
}

function errorOf(body: string): Error {
  const { errorType, errorMessage, trace } = JSON.parse(body) as {
    readonly errorType: string;
    readonly errorMessage: string;
    readonly trace: readonly string[];
  };
  const error = new Error(`${errorType}: ${errorMessage}`);
  error.stack = trace.join("\n");
  return error;
}
