/**
 * Which function answers which route: read by the deployed API, by the embedded cloud, and by the test that
 * every handler exists. Paths are written as API Gateway writes them.
 */
export const FUNCTIONS = {
  heartbeat: "functions/heartbeat.handler",
  sessions: "functions/sessions.handler",
  tasks: "functions/tasks.handler",
  checkpoints: "functions/checkpoints.handler",
  hooks: "functions/hooks.handler",
  mcp: "functions/mcp.handler",
  operator: "functions/operator.handler",
  dispatch: "functions/dispatch.handler",
  sweep: "functions/sweep.handler",
  experiments: "functions/experiments.handler",
} as const;
export type FunctionName = keyof typeof FUNCTIONS;

export const ROUTES: readonly (readonly [route: string, fn: FunctionName])[] = [
  ["POST /v1/heartbeat", "heartbeat"],
  ["POST /v1/sessions", "sessions"],
  ["POST /v1/sessions/{id}/end", "sessions"],
  ["POST /v1/sessions/{id}/claim", "sessions"],
  ["POST /v1/sessions/{id}/exposures", "sessions"],
  ["POST /v1/sessions/{id}/checkpoints", "checkpoints"],
  ["GET /v1/sessions/{id}/checkpoints/latest", "checkpoints"],
  ["GET /v1/sessions/{id}/resume", "checkpoints"],
  ["POST /v1/tasks", "tasks"],
  ["GET /v1/tasks", "tasks"],
  ["ANY /v1/tasks/{proxy+}", "tasks"],
  ["GET /v1/dead-letters", "tasks"],
  ["POST /v1/dead-letters/redrive", "tasks"],
  ["POST /v1/hooks/{client}", "hooks"],
  // GET too, which it refuses: the default would say that there is no such route.
  ["ANY /mcp", "mcp"],
  // Everything else, so that an unknown route gets the same kind of answer as a known one.
  ["$default", "operator"],
];
