import { Hono } from "hono";
import { type LambdaContext, type LambdaEvent, handle } from "hono/aws-lambda";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type * as z from "zod/mini";
import { type Refusal, isRefusal, refuse } from "../../shared/contract/errors.ts";
import { PROTOCOL_VERSION } from "../../shared/contract/protocol.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { allPorts } from "../../shared/runtime/all-ports.ts";
import { link } from "../../shared/runtime/links.ts";
import { type Caller, type Who, authenticate, refuseCaller } from "./authenticate.ts";
import { parseBody } from "./body.ts";
import { readSeed, withIdempotency } from "./idempotency.ts";
import { type HttpAnswer, errorAnswer, jsonAnswer, problemAnswer } from "./problem.ts";

/** A request that was let in and whose body fits. */
export type Request<B> = {
  readonly ports: Ports;
  readonly caller: Caller;
  /** The fleet asked about; of the root key, the default fleet. */
  readonly fleet: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: (name: string) => string | undefined;
  readonly body: B;
  /** The Idempotency-Key, or null: what new ids are derived from. */
  readonly seed: string | null;
};

export type Endpoint<B> = {
  readonly who: Who;
  /** The body's schema; absent: the route takes no body. */
  readonly body?: z.ZodMiniType<B>;
  /** A body may be left out: `{}` stands for it. */
  readonly optionalBody?: boolean;
  /** The route creates something, so it takes an Idempotency-Key. */
  readonly creates?: boolean;
  /** Whether what the path names is missing; asked only when the body is bad, because 404 comes before 400. */
  readonly missing?: (
    ports: Ports,
    fleet: string,
    params: Readonly<Record<string, string>>,
  ) => Promise<Refusal | null>;
  readonly status?: number;
  readonly run: (request: Request<B>) => Promise<object>;
};

const FLEET_OF_ROOT = "default";

type Raw = {
  readonly method: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly header: (name: string) => string | undefined;
  readonly bytes: () => Promise<Uint8Array>;
};

/** The order of checks: 401, 403, 404, 400/413/415/422, 409. */
async function answerRequest<B>(
  endpoint: Endpoint<B>,
  raw: Raw,
): Promise<{ status: number; value: object } | Refusal> {
  const ports = allPorts();
  const caller = await authenticate(ports, raw.header("authorization"), () => link("RootKey", "value"));
  if (isRefusal(caller)) return caller;
  const forbidden = refuseCaller(endpoint.who, caller, raw.params["id"]);
  if (forbidden) return forbidden;
  const fleet = caller.kind === "root" ? FLEET_OF_ROOT : caller.fleet;
  const request = await readRequest(endpoint, raw);
  if (isRefusal(request)) return (await endpoint.missing?.(ports, fleet, raw.params)) ?? request;
  const { body, seed } = request;
  const run = () =>
    endpoint.run({
      ports,
      caller,
      fleet,
      params: raw.params,
      query: raw.query,
      headers: raw.header,
      body,
      seed,
    });
  const status = endpoint.status ?? 200;
  if (seed === null) {
    const value = await run();
    return isRefusal(value) ? value : { status, value };
  }
  return withIdempotency(ports, { fleet, key: seed, request: [raw.method, raw.path, body] }, status, run);
}

async function readRequest<B>(
  endpoint: Endpoint<B>,
  raw: Raw,
): Promise<{ body: B; seed: string | null } | Refusal> {
  const version = raw.header("shim-protocol");
  if (version !== undefined && version !== PROTOCOL_VERSION)
    return refuse(
      "protocol.unsupported",
      `Protocol ${version.slice(0, 16)} was asked for; this is ${PROTOCOL_VERSION}.`,
    );
  const seed = endpoint.creates ? readSeed(raw.header("idempotency-key"), `${raw.method} ${raw.path}`) : null;
  if (isRefusal(seed)) return seed;
  if (!endpoint.body) return { body: undefined as B, seed };
  const bytes = await raw.bytes();
  const absent = endpoint.optionalBody && bytes.byteLength === 0;
  const body = absent
    ? parseBody(Buffer.from("{}"), "application/json", endpoint.body)
    : parseBody(bytes, raw.header("content-type"), endpoint.body);
  return isRefusal(body) ? body : { body: body.value, seed };
}

type Method = "GET" | "POST" | "DELETE";

/** Adds a route to an app: parse, one operation, its outcome as an answer. */
export function route<B = undefined>(app: Hono, method: Method, path: string, endpoint: Endpoint<B>): void {
  app.on(method, path, async (c) => {
    const requestId = requestIdOf(c.env);
    let answer: HttpAnswer;
    try {
      const result = await answerRequest(endpoint, {
        method,
        path: c.req.path,
        params: c.req.param(),
        query: c.req.query(),
        header: (name) => c.req.header(name),
        bytes: async () => new Uint8Array(await c.req.arrayBuffer()),
      });
      answer = isRefusal(result) ? problemAnswer(result, requestId) : jsonAnswer(result.status, result.value);
    } catch (error) {
      answer = errorAnswer(error, requestId, allPorts().log);
    }
    return c.body(answer.body, answer.status as ContentfulStatusCode, answer.headers);
  });
}

function requestIdOf(env: unknown): string {
  const event = (env as { event?: { requestContext?: { requestId?: string } } } | undefined)?.event;
  return event?.requestContext?.requestId ?? "unknown";
}

/** An app that answers unknown routes as it answers all else. */
export function createApp(): Hono {
  const app = new Hono();
  app.notFound((c) => {
    const { status, headers, body } = problemAnswer(
      refuse("route.not_found", `There is no ${c.req.method} ${c.req.path.slice(0, 200)}.`),
      requestIdOf(c.env),
    );
    return c.body(body, status as ContentfulStatusCode, headers);
  });
  return app;
}

/** The app as a Lambda handler. */
export function toHandler(app: Hono): (event: LambdaEvent, context?: LambdaContext) => Promise<unknown> {
  return handle(app);
}
