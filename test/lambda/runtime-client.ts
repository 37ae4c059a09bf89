// What Lambda's own runtime does in a function's process: imports the handler, and asks the Runtime API for one event after
// the other. Only what functions here use: no streams, no extensions, no tracing.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

type Answer = { readonly headers: Readonly<Record<string, unknown>>; readonly body: string };
type Handler = (event: unknown, context: object) => unknown;

// As Lambda's own does: imported, it would load undici, whose milliseconds would hide those of a function.
const { Agent, request } = process.getBuiltinModule("node:http");

const variable = (name: string) => process.env[name] ?? "";
const api = `http://${variable("AWS_LAMBDA_RUNTIME_API")}/2018-06-01/runtime`;
const agent = new Agent({ keepAlive: true });

function ask(method: "GET" | "POST", place: string, body = ""): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(`${api}${place}`, { method, agent }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (text += part));
      response.on("end", () => {
        resolve({ headers: response.headers, body: text });
      });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** An error as the Runtime API takes it. */
function describe(error: unknown): string {
  const { name, message, stack = "" } = error instanceof Error ? error : new Error(String(error));
  return JSON.stringify({ errorType: name, errorMessage: message, trace: stack.split("\n") });
}

async function importHandler(): Promise<Handler> {
  const { dir, name, ext } = path.parse(variable("_HANDLER"));
  const place = path.join(variable("LAMBDA_TASK_ROOT"), dir, name);
  const file = [`${place}.cjs`, `${place}.mjs`].find(existsSync) ?? place;
  const module = (
    file.endsWith(".cjs") ? createRequire(file)(file) : await import(pathToFileURL(file).href)
  ) as Record<string, unknown>;
  const handler = module[ext.slice(1)];
  if (typeof handler !== "function") throw new Error(`${file} exports no function named ${ext.slice(1)}.`);
  return handler as Handler;
}

async function answerNext(handler: Handler): Promise<void> {
  const { headers, body } = await ask("GET", "/invocation/next");
  const id = String(headers["lambda-runtime-aws-request-id"]);
  const deadlineMs = Number(headers["lambda-runtime-deadline-ms"]);
  const context = {
    awsRequestId: id,
    functionName: variable("AWS_LAMBDA_FUNCTION_NAME"),
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
  };
  try {
    const answer = JSON.stringify((await handler(JSON.parse(body), context)) ?? null);
    await ask("POST", `/invocation/${id}/response`, answer);
  } catch (error) {
    await ask("POST", `/invocation/${id}/error`, describe(error));
  }
}

try {
  const handler = await importHandler();
  for (;;) await answerNext(handler);
} catch (error) {
  await ask("POST", "/init/error", describe(error));
  process.exit(1);
}
