import { functions } from "./functions.ts";
import { LOG_RETENTION_DAYS } from "./logs.ts";
import { options } from "./options.ts";
import { ROUTES } from "./routes.ts";

/** The public API. Clients are programs with bearer tokens and the page is served from here: no CORS. */
export const api = new sst.aws.ApiGatewayV2("Api", {
  cors: false,
  ...(options.domain !== null && { domain: options.domain }),
  transform: { logGroup: { retentionInDays: LOG_RETENTION_DAYS } },
});

for (const [route, fn] of ROUTES) api.route(route, functions[fn].arn);
