import type { ServerResponse } from "node:http";

type StructuredAnswer = {
  statusCode: number;
  headers?: Record<string, string | number | boolean>;
  cookies?: string[];
  body?: string | null;
  isBase64Encoded?: boolean;
};

/** Writes a handler's answer as an HTTP API does; false if it is no answer and the caller should send a 500. */
export function sendAnswer(response: ServerResponse, answer: unknown): boolean {
  const structured = isStructured(answer) ? answer : inferAnswer(answer);
  if (structured === undefined) return false;
  const { statusCode, headers = {}, cookies = [], body, isBase64Encoded = false } = structured;
  response.statusCode = statusCode;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, String(value));
  if (cookies.length > 0) response.setHeader("set-cookie", cookies);
  const bytes = Buffer.from(body ?? "", isBase64Encoded ? "base64" : "utf8");
  if (bytes.length > 0 && !response.hasHeader("content-type")) {
    response.setHeader("content-type", "text/plain;charset=UTF-8");
  }
  response.setHeader("content-length", bytes.length);
  response.end(bytes);
  return true;
}

/** An answer of the gateway itself, when the function gave none. */
export function sendMessage(response: ServerResponse, status: number, message: string): void {
  sendAnswer(response, {
    statusCode: status,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ message }),
  });
}

function isStructured(answer: unknown): answer is StructuredAnswer {
  return (
    typeof answer === "object" &&
    answer !== null &&
    "statusCode" in answer &&
    Number.isInteger(answer.statusCode) &&
    (!("body" in answer) || answer.body === null || typeof answer.body === "string")
  );
}

/** An answer without a status code is the body of a 200, as JSON. */
function inferAnswer(answer: unknown): StructuredAnswer | undefined {
  if (answer === null || (typeof answer === "object" && "statusCode" in answer)) return undefined;
  const body = typeof answer === "string" ? answer : JSON.stringify(answer);
  return { statusCode: 200, headers: { "content-type": "application/json" }, body };
}
