import * as z from "zod/mini";
import { API, type Route, type Who } from "./api.ts";
import { Problem } from "./problem.ts";
import { PROTOCOL_VERSION } from "./protocol.ts";

function jsonSchema(schema: z.ZodMiniType, io: "input" | "output") {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}

function parameters(route: Route): object[] {
  const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = (route.query ?? []).map((name) => ({
    name,
    in: "query",
    required: false,
    schema: { type: "string" },
  }));
  const header = route.idempotencyKey
    ? [{ name: "Idempotency-Key", in: "header", required: false, schema: { type: "string", maxLength: 255 } }]
    : [];
  return [...inPath, ...inQuery, ...header];
}

/** Who may use a route, in words. */
function credential(who: Who | null): string {
  if (who === null) return "none";
  const words = [
    who.scopes && `an API key of scope ${[...new Set([...who.scopes, "admin"])].join(", ")}`,
    who.session && (who.session === "own" ? "the session's own token" : "a session's token"),
    who.host && "the host's token",
    who.root && "the root key",
  ];
  return words.filter(Boolean).join("; or ");
}

function operation(operationId: string, route: Route): object {
  const problem = {
    description: "Refused: problem details with a stable code",
    content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
  };
  return {
    operationId,
    summary: route.summary,
    description: `Credential: ${credential(route.who)}.`,
    parameters: parameters(route),
    ...(route.body && {
      requestBody: {
        required: !route.bodyOptional,
        content: { "application/json": { schema: jsonSchema(route.body, "input") } },
      },
    }),
    responses: {
      [route.status]: {
        description: "Done",
        content: { [route.text ?? "application/json"]: { schema: jsonSchema(route.answer, "output") } },
      },
      default: problem,
    },
    security: route.who === null ? [] : [{ bearer: [] }],
  };
}

let document: object | undefined;

/** The protocol as an OpenAPI 3.1 document, from the same schemas that check requests. */
export function openApiDocument(): object {
  if (document) return document;
  const paths: Record<string, Record<string, object>> = {};
  for (const [operationId, route] of Object.entries<Route>(API))
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(operationId, route);
  document = {
    openapi: "3.1.0",
    info: {
      title: "SHIM",
      version: PROTOCOL_VERSION,
      description: "A control plane for fleets of coding-agent sessions.",
    },
    paths,
    components: {
      schemas: { Problem: jsonSchema(Problem, "output") },
      securitySchemes: {
        bearer: {
          type: "http",
          scheme: "bearer",
          description: "An API key, a session's or a host's token, or the root key.",
        },
      },
    },
  };
  return document;
}
