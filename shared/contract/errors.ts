/**
 * Every error code with its HTTP status and what the caller should do next. A code is stable: clients branch
 * on it. `docs/PROTOCOL.md` has a line for each.
 */
export const ERRORS = {
  "auth.missing": { status: 401, title: "No API key or token", next: "Send Authorization: Bearer KEY." },
  "auth.invalid": {
    status: 401,
    title: "The API key or token is not valid",
    next: "Check it, or make a new key.",
  },
  "auth.expired": { status: 401, title: "The token has expired", next: "Register the session again." },
  "auth.revoked": { status: 401, title: "The API key was revoked or has expired", next: "Make a new key." },
  "scope.insufficient": {
    status: 403,
    title: "This key may not do that",
    next: "Use a key of the scope named in the detail.",
  },
  "session.forbidden": {
    status: 403,
    title: "This token belongs to another session or host",
    next: "Use the token that registration of this session returned.",
  },
  "route.not_found": { status: 404, title: "No such route", next: "See /v1/openapi.json." },
  "task.not_found": { status: 404, title: "No such task", next: "Check the id and the fleet of your key." },
  "session.not_found": {
    status: 404,
    title: "No such session",
    next: "Check the id and the fleet of your key.",
  },
  "host.not_found": {
    status: 404,
    title: "No such host",
    next: "Check the id and the fleet of your key.",
  },
  "key.not_found": { status: 404, title: "No such API key", next: "List the keys with GET /v1/keys." },
  "experiment.not_found": {
    status: 404,
    title: "No such experiment",
    next: "List them with GET /v1/experiments.",
  },
  "checkpoint.not_found": {
    status: 404,
    title: "No such checkpoint",
    next: "Write one first, or read another session's.",
  },
  "body.not_json": { status: 400, title: "The body is not JSON in UTF-8", next: "Send one JSON value." },
  "body.duplicate_key": { status: 400, title: "The body names a key twice", next: "Send each key once." },
  "body.forbidden_key": {
    status: 400,
    title: "The body has a key that is never allowed",
    next: "Remove __proto__, constructor or prototype.",
  },
  "body.too_deep": { status: 400, title: "The body is nested too deeply", next: "Nest at most 64 levels." },
  "request.invalid": {
    status: 400,
    title: "The request does not fit the contract",
    next: "See the detail and /v1/openapi.json.",
  },
  "cursor.invalid": {
    status: 400,
    title: "The cursor is not of this listing",
    next: "Start again without a cursor.",
  },
  "protocol.unsupported": {
    status: 400,
    title: "This protocol version is not spoken here",
    next: "Send Shim-Protocol: 1.",
  },
  "idempotency.invalid": {
    status: 400,
    title: "The Idempotency-Key is not usable",
    next: "Send 1 to 255 visible ASCII characters.",
  },
  "body.too_large": { status: 413, title: "The body is too large", next: "Send less." },
  "data.too_large": {
    status: 413,
    title: "The task's data is too large",
    next: "Store it elsewhere and send a reference.",
  },
  "result.too_large": {
    status: 413,
    title: "The task's result is too large",
    next: "Store it elsewhere and send a reference.",
  },
  "checkpoint.too_large": {
    status: 413,
    title: "The checkpoint's state is too large",
    next: "Leave out what can be read elsewhere.",
  },
  "message.too_large": {
    status: 413,
    title: "The message is too large",
    next: "Store it elsewhere and send a reference.",
  },
  "content_type.unsupported": {
    status: 415,
    title: "The body is not application/json",
    next: "Send Content-Type: application/json.",
  },
  "batch.too_large": {
    status: 422,
    title: "Too many tasks in one submission",
    next: "Submit at most 100 at once.",
  },
  "batch.duplicate_id": {
    status: 422,
    title: "Two tasks of the submission have one id",
    next: "Give each its own id.",
  },
  "dependency.unknown": {
    status: 422,
    title: "A dependency does not exist",
    next: "Submit it first, or in the same submission.",
  },
  "dependency.cycle": { status: 422, title: "The dependencies form a cycle", next: "Remove one of them." },
  "dependency.ambiguous": {
    status: 422,
    title: "A dependency is named twice with different policies",
    next: "Name each dependency once.",
  },
  "quota.exceeded": {
    status: 422,
    title: "The fleet's quota is used up",
    next: "Wait for tasks or sessions to end, or raise the quota.",
  },
  "parameter.invalid": {
    status: 422,
    title: "The parameter cannot have this value",
    next: "Choose one that GET /v1/experiments shows as allowed.",
  },
  "rules.full": {
    status: 422,
    title: "The fleet has as many pauses and limits as it may",
    next: "Resume something or take a limit back.",
  },
  "host.full": {
    status: 422,
    title: "The host has as many sessions as it may",
    next: "End a session, or use another host.",
  },
  "experiment.refused": {
    status: 409,
    title: "The experiment is not in a state, or not at a time, for this",
    next: "See the detail.",
  },
  "session.superseded": {
    status: 409,
    title: "This session was started again or given up",
    next: "Stop; register again for new work.",
  },
  "session.live": {
    status: 409,
    title: "A live session of this id is on another host",
    next: "Wait until it ends, or use another id.",
  },
  "session.ended": { status: 409, title: "This session has ended", next: "Register it again." },
  "host.live": {
    status: 409,
    title: "Another boot of this host is live",
    next: "Send its host token as Shim-Host-Token, or wait until its deadline has passed.",
  },
  "lease.stale": {
    status: 409,
    title: "The fencing token is stale",
    next: "Stop working on this task: it has another owner or none.",
  },
  "task.exists": { status: 409, title: "A different task of this id exists", next: "Use another id." },
  "task.finished": {
    status: 409,
    title: "The task has already ended otherwise",
    next: "Read it: its outcome stands.",
  },
  "task.cancelled": { status: 409, title: "The task was cancelled", next: "Stop working on it." },
  "task.not_failed": {
    status: 409,
    title: "Only a failed task can be redriven",
    next: "Read the task's state.",
  },
  "dependency.failed": {
    status: 409,
    title: "A dependency of this task has failed or was cancelled",
    next: "Redrive the dependency first.",
  },
  "fleet.exists": { status: 409, title: "A fleet of this id exists", next: "Use another id." },
  "idempotency.mismatch": {
    status: 409,
    title: "This Idempotency-Key was used with another request",
    next: "Use a new key for a new request.",
  },
  "conflict.retry": {
    status: 409,
    title: "Others kept changing the same thing",
    next: "Repeat the request.",
  },
  internal: {
    status: 500,
    title: "Something went wrong here",
    next: "Repeat the request; the request id finds it in the logs.",
  },
  "route.not_implemented": { status: 501, title: "This route is not built yet", next: "See CHANGELOG.md." },
  "service.unavailable": {
    status: 503,
    title: "A store this request needs does not answer",
    next: "Repeat after the time in Retry-After.",
  },
} as const satisfies Record<string, { status: number; title: string; next: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** An expected refusal: what an operation returns instead of its result. It changed nothing. */
export type Refusal = { readonly refused: ErrorCode; readonly detail: string };

/** Builds a refusal; `detail` says what happened to this request, without any secret. */
export function refuse(refused: ErrorCode, detail: string): Refusal {
  return { refused, detail };
}

export function isRefusal(value: unknown): value is Refusal {
  return typeof value === "object" && value !== null && "refused" in value;
}
