import { LOOPBACK } from "../../infra/local/free-port.ts";
import { buildGatewayEvent } from "../../infra/local/gateway-event.ts";
import { createRouter } from "../../infra/local/gateway-routes.ts";
import { ROUTES } from "../../infra/routes.ts";
import type { FunctionName } from "../../infra/routes.ts";

const router = createRouter(ROUTES);

/** Which function the API calls for a request, and the event that it hands to it. */
export function httpEvent(
  method: string,
  url: string,
  bearer: string,
  body?: object,
): { readonly fn: FunctionName; readonly event: unknown } {
  const match = router(method, url.split("?", 1)[0] ?? url);
  if (!match) throw new Error(`The API has no route for ${method} ${url}.`);
  const headers = {
    authorization: `Bearer ${bearer}`,
    "content-type": "application/json",
    "shim-protocol": "1",
  };
  const event = buildGatewayEvent(
    {
      method,
      url,
      httpVersion: "1.1",
      rawHeaders: Object.entries(headers).flat(),
      body: Buffer.from(body === undefined ? "" : JSON.stringify(body)),
      sourceIp: LOOPBACK,
    },
    match,
  );
  return { fn: match.target, event };
}
