import type { APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { handler as checkpoints } from "../../functions/checkpoints.ts";
import { handler as heartbeat } from "../../functions/heartbeat.ts";
import { handler as operator } from "../../functions/operator.ts";
import { handler as sessions } from "../../functions/sessions.ts";
import { handler as tasks } from "../../functions/tasks.ts";
import { createRouter } from "../../infra/local/gateway-routes.ts";
import { type FunctionName, ROUTES } from "../../infra/routes.ts";
import type { Route } from "../../shared/contract/api.ts";
import { type ErrorCode, type Refusal, refuse } from "../../shared/contract/errors.ts";
import type { Problem } from "../../shared/contract/problem.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { StoreUnavailable } from "../../shared/ports/unavailable.ts";
import { withPorts } from "./ports-in-use.ts";

/** Each kind of handler wants what it reads of an event, and is given all of it. */
type Handler = (event: never) => Promise<unknown>;

/** A request of the protocol, as it is written on the wire. */
export type HttpRequest = {
  readonly route: Route;
  readonly id: string | null;
  readonly secret: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
};

const HANDLERS: Partial<Record<FunctionName, Handler>> = {
  heartbeat,
  sessions,
  tasks,
  checkpoints,
  operator,
};
const router = createRouter(ROUTES);
function eventOf({ route, id, secret, headers, query, body }: HttpRequest, routeKey: string) {
  const path = route.path.replace("{id}", id ?? "");
  return {
    version: "2.0",
    routeKey,
    rawPath: path,
    rawQueryString: new URLSearchParams(query).toString(),
    queryStringParameters: query,
    headers: {
      host: "localhost",
      authorization: `Bearer ${secret}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    requestContext: {
      domainName: "localhost",
      requestId: "simulated",
      http: { method: route.method, path },
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    isBase64Encoded: false,
  };
}

/**
 * Has the real handler of a route answer a request, over these ports.
 * @throws StoreUnavailable for 503; Error for an answer that the contract does not have
 */
export async function overHttp(ports: Ports, request: HttpRequest): Promise<object | Refusal> {
  const { route, id } = request;
  const match = router(route.method, route.path.replace("{id}", id ?? ""));
  const handler = match && HANDLERS[match.target];
  if (!handler) throw new Error(`No function answers ${route.method} ${route.path}.`);
  const answered = await withPorts(ports, () => handler(eventOf(request, match.routeKey) as never));
  const { statusCode, body = "" } = answered as APIGatewayProxyStructuredResultV2;
  const value = JSON.parse(body) as object;
  if (statusCode === route.status) return route.answer.parse(value) as object;
  const { code, detail } = value as Problem;
  if (code === "service.unavailable") throw new StoreUnavailable("http", new Error(detail));
  if (code === "internal" || code === "request.invalid")
    throw new Error(`${route.method} ${route.path} answered ${code}: ${detail}`);
  return refuse(code as ErrorCode, detail);
}
