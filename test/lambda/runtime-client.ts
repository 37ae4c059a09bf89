// What Lambda's own runtime does in a function's process: imports the handler, and asks the Runtime API for one event after
// the other. Only what functions here use: no streams, no extensions, no tracing.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Ask } from "./ask.ts";

type Handler = (event: unknown, context: object) => unknown;

const variable = (name: string) => process.env[name] ?? "";
const api = `http://${variable("AWS_LAMBDA_RUNTIME_API")}/2018-06-01/runtime`;

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

async function answerNext(ask: Ask, handler: Handler): Promise<void> {
  const { headers, body } = await ask("GET", `${api}/invocation/next`);
  const id = String(headers["lambda-runtime-aws-request-id"]);
  const deadlineMs = Number(headers["lambda-runtime-deadline-ms"]);
  const context = {
    awsRequestId: id,
    functionName: variable("AWS_LAMBDA_FUNCTION_NAME"),
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
  };
  try {
    const answer = JSON.stringify((await handler(JSON.parse(body), context)) ?? null);
    await ask("POST", `${api}/invocation/${id}/response`, answer);
  } catch (error) {
    await ask("POST", `${api}/invocation/${id}/error`, describe(error));
  }
}

/** Runs the function that the environment names until the process is ended. */
export async function runFunction(ask: Ask): Promise<void> {
  try {
    const handler = await importHandler();
    for (;;) await answerNext(ask, handler);
  } catch (error) {
    await ask("POST", `${api}/init/error`, describe(error));
    process.exit(1);
  }
}
