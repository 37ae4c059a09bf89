import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { Hono } from "hono";
import { type LambdaContext, type LambdaEvent, handle } from "hono/aws-lambda";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type * as z from "zod/mini";
import type { Route } from "../../shared/contract/api.ts";
import { type Refusal, isRefusal, refuse } from "../../shared/contract/errors.ts";
import { PROTOCOL_VERSION } from "../../shared/contract/protocol.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { allPorts } from "../../shared/runtime/all-ports.ts";
import { link } from "../../shared/runtime/links.ts";
import { type Caller, authenticate, refuseCaller } from "./authenticate.ts";
import { parseBody } from "./body.ts";
import { parseAnyJson, parseStrictJson } from "./strict-json.ts";
import { readSeed, withIdempotency } from "./idempotency.ts";
import { type HttpAnswer, errorAnswer, jsonAnswer, problemAnswer, textAnswer } from "./problem.ts";

/** A request that was let in and whose body fits. */
export type Request<B> = {
  readonly ports: Ports;
  readonly caller: Caller;
  /** The fleet asked about; of the root key, the default fleet. */
  readonly fleet: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly header: (name: string) => string | undefined;
  readonly body: B;
  /** The Idempotency-Key, or null: what new ids are derived from. */
  readonly seed: string | null;
};

/** What is not in the contract's table of a route: its operation, and what must exist for it. */
export type Endpoint<R extends Route> = {
  readonly run: (request: Request<BodyOf<R>>) => Promise<object>;
  /** Whether what the path names is missing, or another's; asked only when the rest is bad: 403 and 404 come first. */
  readonly missing?: (named: Named) => Promise<Refusal | null>;
};

/** What is known of a request before its body is read. */
export type Named = Pick<Request<unknown>, "ports" | "caller" | "fleet" | "params">;

export type BodyOf<R extends Route> = R extends { readonly body: infer S extends z.ZodMiniType }
  ? z.infer<S>
  : undefined;

const FLEET_OF_ROOT = "default";

type Raw = {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly header: (name: string) => string | undefined;
  readonly bytes: () => Promise<Uint8Array>;
};

/** An app of routes, and the ports that they run on. */
export type App = Hono<{ Variables: { ports: () => Ports } }>;

/** Finds out who asks, and whether they may use this route. */
export async function admit(
  ports: Ports,
  { who }: Pick<Route, "who">,
  { requestId, params, header }: Pick<Raw, "requestId" | "params" | "header">,
): Promise<Pick<Named, "ports" | "caller" | "fleet"> | Refusal> {
  const asked = { ...ports, log: ports.log.with({ requestId }) };
  const caller = await authenticate(asked, header("authorization"), () => link("RootKey", "value"));
  if (isRefusal(caller)) return caller;
  const forbidden = refuseCaller(who ?? {}, caller, params["id"]);
  if (forbidden) return forbidden;
  const fleet = caller.kind === "root" ? FLEET_OF_ROOT : caller.fleet;
  return { ports: { ...asked, log: asked.log.with({ fleet }) }, caller, fleet };
}

/** The order of checks: 401, 403, 404, 400/413/415/422, 409. */
async function answerRequest<R extends Route>(
  wired: Ports,
  route: R,
  endpoint: Endpoint<R>,
  raw: Raw,
): Promise<{ status: number; value: object } | Refusal> {
  const admitted = await admit(wired, route, raw);
  if (isRefusal(admitted)) return admitted;
  const { ports, caller, fleet } = admitted;
  const request = await readRequest(route, raw);
  const { params, query, header } = raw;
  if (isRefusal(request)) return (await endpoint.missing?.({ ports, caller, fleet, params })) ?? request;
  const { body, seed } = request;
  const run = () =>
    endpoint.run({ ports, caller, fleet, params, query, header, body: body as BodyOf<R>, seed });
  if (seed !== null)
    return withIdempotency(
      ports,
      { fleet, key: seed, request: [raw.method, raw.path, body] },
      route.status,
      run,
    );
  const value = await run();
  return isRefusal(value) ? value : { status: route.status, value };
}

async function readRequest(
  route: Route,
  raw: Raw,
): Promise<{ body: unknown; seed: string | null } | Refusal> {
  const version = raw.header("shim-protocol");
  if (version !== undefined && version !== PROTOCOL_VERSION)
    return refuse(
      "protocol.unsupported",
      `Protocol ${version.slice(0, 16)} was asked for; this is ${PROTOCOL_VERSION}.`,
    );
  const seed = route.idempotencyKey
    ? readSeed(raw.header("idempotency-key"), `${raw.method} ${raw.path}`)
    : null;
  if (isRefusal(seed)) return seed;
  if (!route.body) return { body: undefined, seed };
  const bytes = await raw.bytes();
  const absent = route.bodyOptional && bytes.byteLength === 0;
  const body = absent
    ? parseBody(Buffer.from("{}"), "application/json", route.body)
    : parseBody(
        bytes,
        raw.header("content-type"),
        route.body,
        route.lenient ? parseAnyJson : parseStrictJson,
      );
  return isRefusal(body) ? body : { body: body.value, seed };
}

/** Adds a route of the contract to an app: parse, one operation, its outcome as an answer. */
export function serve<R extends Route>(app: App, route: R, endpoint: Endpoint<R>): void {
  app.on(route.method, route.path.replaceAll(/\{(\w+)\}/g, ":$1"), async (c) => {
    const requestId = requestIdOf(c.env);
    const { headers, queryStringParameters = {} } = eventOf(c.env);
    const ports = c.get("ports")();
    let answer: HttpAnswer;
    try {
      const result = await answerRequest(ports, route, endpoint, {
        requestId,
        method: c.req.method,
        path: c.req.path,
        params: c.req.param(),
        query: queryStringParameters,
        header: (name) => headers[name],
        bytes: async () => new Uint8Array(await c.req.arrayBuffer()),
      });
      if (isRefusal(result)) answer = problemAnswer(result, requestId);
      else
        answer = route.text
          ? textAnswer(result.status, route.text, result.value)
          : jsonAnswer(result.status, result.value);
    } catch (error) {
      answer = await errorAnswer(error, requestId, ports);
    }
    await flushExposures(ports);
    return c.body(answer.body, answer.status as ContentfulStatusCode, answer.headers);
  });
}

/** Before the function may be frozen: what was told of exposures leaves it now, or is lost. No request fails for it. */
async function flushExposures({ allocator, log }: Ports): Promise<void> {
  try {
    await allocator.flush();
  } catch (error) {
    log.warn("exposures were not told", { error: String(error) });
  }
}

/** The event as it came: hono's view of it drops empty headers, alters others and keeps one of repeated queries. */
function eventOf(env: unknown): APIGatewayProxyEventV2 {
  return (env as { event: APIGatewayProxyEventV2 }).event;
}

export function requestIdOf(env: unknown): string {
  return eventOf(env).requestContext.requestId;
}

/**
 * An app that answers unknown routes as it answers all else.
 *
 * @param ports what its operations run on
 */
export function createApp(ports: () => Ports = allPorts): App {
  const app: App = new Hono();
  app.use(async (c, next) => {
    c.set("ports", ports);
    await next();
  });
  app.notFound((c) => {
    const { status, headers, body } = problemAnswer(
      refuse("route.not_found", `There is no ${c.req.method} ${c.req.path.slice(0, 200)}.`),
      requestIdOf(c.env),
    );
    return c.body(body, status as ContentfulStatusCode, headers);
  });
  return app;
}

/** The gateway decodes paths; encoded again, a `#` or `?` within an id does not end the path. */
function encodePath(path: string): string {
  return path.toWellFormed().split("/").map(encodeURIComponent).join("/");
}

/* eslint-disable @typescript-eslint/no-deprecated -- The package that is to replace hono/aws-lambda is not published yet. */
/** The app as a Lambda handler. */
export function toHandler(app: App): (event: LambdaEvent, context?: LambdaContext) => Promise<unknown> {
  const run = handle(app);
  return (event, context) =>
    run("rawPath" in event ? { ...event, rawPath: encodePath(event.rawPath) } : event, context);
}
