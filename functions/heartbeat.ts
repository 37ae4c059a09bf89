// Triggered by POST /v1/heartbeat, on the API and on a function URL of its own. Runs record-heartbeat.
// A plain handler: no router and no AWS SDK, because every host calls it every few seconds.
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { type Refusal, isRefusal, refuse } from "../shared/contract/errors.ts";
import { HeartbeatRequest } from "../shared/contract/heartbeat.ts";
import type { HeartbeatAnswer } from "../shared/contract/heartbeat-answer.ts";
import { recordHeartbeat } from "../shared/operations/record-heartbeat.ts";
import { beatPorts } from "../shared/runtime/beat-ports.ts";
import { bearerOf, readTokenOf } from "./edge/bearer.ts";
import { parseBody } from "./edge/body.ts";
import { type HttpAnswer, errorAnswer, jsonAnswer, problemAnswer } from "./edge/problem.ts";

export async function handler(event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> {
  const { status, headers, body } = await answerBeat(event);
  await beatPorts().meter.beatEnded();
  return { statusCode: status, headers, body };
}

async function answerBeat(event: APIGatewayProxyEventV2): Promise<HttpAnswer> {
  const { requestId } = event.requestContext;
  try {
    const result = await beat(event);
    return isRefusal(result) ? problemAnswer(result, requestId) : jsonAnswer(200, result);
  } catch (error) {
    return errorAnswer(error, requestId, beatPorts());
  }
}

async function beat(event: APIGatewayProxyEventV2): Promise<HeartbeatAnswer | Refusal> {
  const ports = beatPorts();
  const token = bearerOf(event.headers["authorization"]);
  if (typeof token !== "string") return token;
  if (!token.startsWith("shim_t.")) return refuse("scope.insufficient", "A heartbeat takes a host's token.");
  const claims = readTokenOf(ports, token);
  if ("refused" in claims) return claims;
  if (claims.kind !== "host")
    return refuse("scope.insufficient", "A heartbeat takes a host's token, not a session's.");
  const bytes = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  const request = parseBody(bytes, event.headers["content-type"], HeartbeatRequest);
  return isRefusal(request) ? request : recordHeartbeat(ports, claims, request.value);
}
