import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { ACCOUNT_ID } from "./account.ts";
import type { RouteMatch } from "./gateway-routes.ts";

export type GatewayRequest = Pick<IncomingMessage, "method" | "url" | "rawHeaders" | "httpVersion"> & {
  body: Buffer;
  sourceIp: string;
};

/** Bodies of these types reach a handler as text; all others, and text that is not UTF-8, as base64. */
const TEXT_TYPE = /^(text\/|application\/(json|javascript|xml|problem\+json|[\w.-]+\+(json|xml))\s*(;|$))/i;

/** A path as the gateway hands it on: decoded. Undefined if it cannot be. */
export function decodePath(url: string): string | undefined {
  try {
    return decodeURIComponent(url.split("?", 1)[0] ?? "/");
  } catch {
    return undefined; // A stray % is the caller's mistake, answered as one.
  }
}

/** The event of payload format 2.0 that an HTTP API makes of a request. */
export function buildGatewayEvent(
  request: GatewayRequest,
  match: RouteMatch<unknown>,
): APIGatewayProxyEventV2 {
  const url = request.url ?? "/";
  const rawPath = decodePath(url) ?? url;
  const rawQueryString = url.includes("?") ? url.slice(url.indexOf("?") + 1) : "";
  const { headers, cookies } = readHeaders(request.rawHeaders);
  const now = new Date();
  const host = headers.host ?? "localhost";
  return {
    version: "2.0",
    routeKey: match.routeKey,
    rawPath,
    rawQueryString,
    ...(cookies.length > 0 ? { cookies } : {}),
    headers: { ...headers, "x-forwarded-for": request.sourceIp, "x-forwarded-proto": "http" },
    ...(rawQueryString === "" ? {} : { queryStringParameters: readQuery(rawQueryString) }),
    ...(match.pathParameters ? { pathParameters: match.pathParameters } : {}),
    requestContext: {
      accountId: ACCOUNT_ID,
      apiId: "embedded",
      domainName: host.replace(/:\d+$/, ""),
      domainPrefix: "embedded",
      http: {
        method: request.method ?? "GET",
        path: rawPath,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.sourceIp,
        userAgent: headers["user-agent"] ?? "",
      },
      requestId: randomUUID(),
      routeKey: match.routeKey,
      stage: "$default",
      time: formatTime(now),
      timeEpoch: now.getTime(),
    },
    ...encodeBody(request.body, headers["content-type"] ?? ""),
  };
}

/**
 * Reads the header lines as they came: node's own view drops all but the first of a repeated `authorization`
 * and others, where the gateway joins them with commas.
 */
function readHeaders(rawHeaders: readonly string[]): { headers: Record<string, string>; cookies: string[] } {
  const headers = new Map<string, string>();
  const cookies: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? "").toLowerCase();
    const value = rawHeaders[index + 1] ?? "";
    if (name === "cookie") cookies.push(...value.split(/;\s*/).filter((cookie) => cookie !== ""));
    else headers.set(name, headers.has(name) ? `${headers.get(name) ?? ""},${value}` : value);
  }
  return { headers: Object.fromEntries(headers), cookies };
}

function readQuery(rawQueryString: string): Record<string, string> {
  const query = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(rawQueryString)) {
    const before = query.get(name);
    query.set(name, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(query);
}

function encodeBody(body: Buffer, contentType: string): { body?: string; isBase64Encoded: boolean } {
  if (body.length === 0) return { isBase64Encoded: false };
  if (TEXT_TYPE.test(contentType)) {
    try {
      return {
        body: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body),
        isBase64Encoded: false,
      };
    } catch {
      // Not UTF-8, whatever it says: the handler must get the bytes, or it could not refuse them.
    }
  }
  return { body: body.toString("base64"), isBase64Encoded: true };
}

/** The gateway writes the time as web servers log it. */
function formatTime(now: Date): string {
  const [, day = "", month = "", year = "", time = ""] = now.toUTCString().split(" ");
  return `${day}/${month}/${year}:${time} +0000`;
}
