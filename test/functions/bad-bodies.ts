import {
  BODY_BYTES_LIMIT,
  BODY_DEPTH_LIMIT,
  TASK_DATA_BYTES_LIMIT,
  TASK_RESULT_BYTES_LIMIT,
  TASK_TIMEOUT_MS_LIMIT,
  TEXT_CHARACTERS_LIMIT,
} from "../../shared/contract/limits.ts";
import type { ErrorCode } from "../../shared/contract/errors.ts";
import type { BadCase, Scene } from "./bad-case.ts";
import { PAYLOAD_MARKER, agent, admin, host, operate, root, submit, worker } from "./bad-case.ts";

const bytes = (length: number) => "x".repeat(length - '""'.length);
const words = (count: number) => Array.from({ length: count }, (_, i) => `w${i}`);
const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;

function submission(
  name: string,
  code: ErrorCode,
  body: BadCase["body"],
  more: Partial<BadCase> = {},
): BadCase {
  return { name, code, path: "/v1/tasks", as: submit, body, ...more };
}

/** What is no JSON that may be read: 400, 413 and 415. */
export const UNREADABLE_BODIES: readonly BadCase[] = [
  submission("no body", "body.not_json", ""),
  submission("only white space", "body.not_json", " \n\t "),
  submission("half an object", "body.not_json", '{"type":"test"'),
  submission("two values", "body.not_json", "{}{}"),
  submission("a number that JSON has not", "body.not_json", '{"type":"test","data":NaN}'),
  submission("a byte order mark", "body.not_json", `\ufeff{"type":"test","data":1}`),
  submission("invalid UTF-8", "body.not_json", Buffer.from('{"type":"test","data":"\xff\xfe"}', "latin1")),
  submission(
    "an overlong UTF-8 form",
    "body.not_json",
    Buffer.from('{"type":"test","data":"\xc0\xaf"}', "latin1"),
  ),
  submission("UTF-16", "body.not_json", Buffer.from('{"type":"test","data":1}', "utf16le")),
  submission("half a surrogate pair", "body.not_json", String.raw`{"type":"test","data":"\ud800"}`),
  submission("null", "request.invalid", "null"),
  submission("a word", "request.invalid", '"test"'),
  submission("an empty array", "request.invalid", "[]"),
  submission("an array of nulls", "request.invalid", "[null]"),
  submission("an array within an array", "request.invalid", '[[{"type":"test","data":1}]]'),
  submission("nested 10,000 deep", "body.too_deep", `{"type":"test","data":${nested(10_000)}}`),
  submission("nested 1,000,000 deep", "body.too_deep", nested(1_000_000)),
  submission(
    "nested one level too deep",
    "body.too_deep",
    `{"type":"test","data":${nested(BODY_DEPTH_LIMIT)}}`,
  ),
  submission("one byte too large", "body.too_large", `{"type":"test","data":1}`.padEnd(BODY_BYTES_LIMIT + 1)),
  submission("7 MB", "body.too_large", "x".repeat(7_000_000)),
  submission("a string of 4 MB", "data.too_large", () => ({ type: "test", data: bytes(4_000_000) })),
  submission("__proto__", "body.forbidden_key", '{"type":"test","data":1,"__proto__":{"type":"x"}}'),
  submission("__proto__ in the data", "body.forbidden_key", '{"type":"test","data":{"a":[{"__proto__":1}]}}'),
  submission(
    "__proto__ as an escape",
    "body.forbidden_key",
    String.raw`{"type":"test","data":{"\u005f_proto__":1}}`,
  ),
  submission("constructor", "body.forbidden_key", '{"type":"test","data":{"constructor":{"prototype":1}}}'),
  submission("a key twice", "body.duplicate_key", '{"type":"test","data":1,"type":"other"}'),
  submission("a key twice in the data", "body.duplicate_key", '{"type":"test","data":[{"a":1,"a":1}]}'),
  submission(
    "a key twice, once as an escape",
    "body.duplicate_key",
    String.raw`{"type":"test","data":{"a":1,"\u0061":2}}`,
  ),
  submission("text", "content_type.unsupported", () => ({ type: "test", data: 1 }), {
    contentType: "text/plain",
  }),
  submission("a form", "content_type.unsupported", "type=test", {
    contentType: "application/x-www-form-urlencoded",
  }),
  submission("no content type", "content_type.unsupported", () => ({ type: "test", data: 1 }), {
    contentType: null,
  }),
  submission("two content types", "content_type.unsupported", () => ({ type: "test", data: 1 }), {
    headers: () => [["content-type", "application/json"]],
  }),
  {
    name: "a beat that is not JSON",
    path: "/v1/heartbeat",
    as: host,
    body: Buffer.from('{"host":"\xff"}', "latin1"),
    code: "body.not_json",
  },
  { name: "a beat without a body", path: "/v1/heartbeat", as: host, body: "", code: "body.not_json" },
  {
    name: "a beat of text",
    path: "/v1/heartbeat",
    as: host,
    body: "{}",
    contentType: "text/plain",
    code: "content_type.unsupported",
  },
  {
    name: "a claim of half an object",
    path: "/v1/sessions/worker/claim",
    as: worker,
    body: "{",
    code: "body.not_json",
  },
];

/** Readable, but not what the contract says: 400. Each is a valid submission with one thing wrong. */
const MISFITTING_TASKS: Readonly<Record<string, object>> = {
  "an unknown field": { owner: PAYLOAD_MARKER },
  "an id with a colon": { id: "a:b" },
  "an id with braces": { id: "a{b}" },
  "an id with a star": { id: "*" },
  "an id with a newline": { id: "a\n" },
  "an id with a NUL": { id: "a\u0000" },
  "an id beyond ASCII": { id: "tâche" },
  "an empty id": { id: "" },
  "an id of 65 characters": { id: "x".repeat(65) },
  "an id that every object has": { id: "toString" },
  "an id that is a path segment": { id: ".." },
  "an id that is a number": { id: 7 },
  "no type": { type: undefined },
  "a type of 65 characters": { type: "x".repeat(65) },
  "priority 0": { priority: 0 },
  "priority 6": { priority: 6 },
  "priority -1": { priority: -1 },
  "half a priority": { priority: 1.5 },
  "a priority in words": { priority: "1" },
  "101 dependencies": { dependsOn: words(101) },
  "a dependency that is a number": { dependsOn: [1] },
  "a dependency that is null": { dependsOn: [null] },
  "a dependency without an id": { dependsOn: [{ onFailure: "run" }] },
  "a dependency without a policy": { dependsOn: [{ id: "queued" }] },
  "an unknown policy": { dependsOn: [{ id: "queued", onFailure: "retry" }] },
  "a policy that every object has": { dependsOn: [{ id: "queued", onFailure: "toString" }] },
  "an unknown field of a dependency": { dependsOn: [{ id: "queued", onFailure: "run", on: "x" }] },
  "a dependency's id with a colon": { dependsOn: [{ id: "a:b", onFailure: "run" }] },
  "a dependency's id that every object has": { dependsOn: [{ id: "constructor", onFailure: "run" }] },
  "a dependency that is a list": { dependsOn: [["queued", "run"]] },
  "policies beside the dependencies": { dependsOn: ["queued"], onFailure: { queued: "run" } },
  "21 requirements": { requires: words(21) },
  "a requirement with a space": { requires: ["a b"] },
  "a key with a newline": { key: "a\n" },
  "a group of 65 characters": { group: "x".repeat(65) },
  "an unknown field of affinity": { affinity: { sesion: "worker" } },
  "a required place that is named nowhere": { affinity: { required: true } },
  "a required key": { key: "k", affinity: { key: true, required: true } },
  "no attempt": { maxAttempts: 0 },
  "101 attempts": { maxAttempts: 101 },
  "no time": { timeoutMs: 0 },
  "negative time": { timeoutMs: -1 },
  "too much time": { timeoutMs: TASK_TIMEOUT_MS_LIMIT + 1 },
  "a time of 2^53": { timeoutMs: 2 ** 53 },
};

const MISFITTING_REGISTRATIONS: Readonly<Record<string, object>> = {
  "an unknown field": { epoch: 7 },
  "no host": { host: undefined },
  "a boot with a colon": { boot: "a:b" },
  "an id of 65 characters": { id: "x".repeat(65) },
  "a negative capacity": { capacity: -1 },
  "a capacity of 101": { capacity: 101 },
  "21 labels": { labels: Object.fromEntries(words(21).map((word) => [word, ""])) },
  "a label of 65 characters": { labels: { a: "x".repeat(65) } },
  "a label's name of 65 characters": { labels: { ["x".repeat(65)]: "a" } },
  "21 capabilities": { capabilities: words(21) },
  "a capability of 65 characters": { capabilities: ["x".repeat(65)] },
  "a folder of 2,001 characters": { cwd: "x".repeat(TEXT_CHARACTERS_LIMIT + 1) },
};

function beat(name: string, body: string): BadCase {
  return { name: `a beat with ${name}`, path: "/v1/heartbeat", as: host, body, code: "request.invalid" };
}
const beatHead = '"host":"h1","boot":"boot-of-h1"';
const beatOf = (session: string) => `{${beatHead},"seq":1,"sessions":[${session}]}`;

function report(
  name: string,
  what: string,
  body: string | ((scene: Scene) => unknown),
  code: ErrorCode = "request.invalid",
): BadCase {
  return { name: `${what} with ${name}`, path: `/v1/tasks/running/${what}`, as: worker, body, code };
}
const fenced =
  (more: object) =>
  ({ cast }: Scene) => ({ fence: cast.fences.running, ...more });

export const MISFITTING_BODIES: readonly BadCase[] = [
  ...Object.entries(MISFITTING_TASKS).map(([name, wrong]) =>
    submission(`a task with ${name}`, "request.invalid", () => ({
      type: "test",
      data: PAYLOAD_MARKER,
      ...wrong,
    })),
  ),
  ...Object.entries(MISFITTING_REGISTRATIONS).map(([name, wrong]): BadCase => ({
    name: `a registration with ${name}`,
    path: "/v1/sessions",
    as: agent,
    body: () => ({ id: "new", host: "h3", boot: "b3", agent: "test", ...wrong }),
    code: "request.invalid",
  })),
  submission("an infinite number in the data", "request.invalid", '{"type":"test","data":{"n":[1e999]}}'),
  submission("one bad task of many", "request.invalid", () => [
    { id: "good", type: "test", data: 1 },
    { id: "bad", type: "test", data: 1, priority: 9 },
  ]),
  beat("seq 2^53", `{${beatHead},"seq":9007199254740992,"sessions":[]}`),
  beat("a negative seq", `{${beatHead},"seq":-1,"sessions":[]}`),
  beat("an infinite seq", `{${beatHead},"seq":1e999,"sessions":[]}`),
  beat("no sessions", `{${beatHead},"seq":1}`),
  beat("epoch 0", beatOf('{"id":"worker","epoch":0}')),
  beat("an epoch of 2^53", beatOf('{"id":"worker","epoch":9007199254740992}')),
  beat("a session called *", beatOf('{"id":"*","epoch":1}')),
  beat("a session with a newline", beatOf(String.raw`{"id":"worker\n","epoch":1}`)),
  beat(
    "a percentage of 101",
    beatOf('{"id":"worker","epoch":1,"tasks":[{"id":"running","fence":1,"percent":101}]}'),
  ),
  beat("fence -1", beatOf('{"id":"worker","epoch":1,"tasks":[{"id":"running","fence":-1}]}')),
  beat(
    "101 sessions",
    beatOf(
      words(101)
        .map((id) => `{"id":"${id}","epoch":1}`)
        .join(","),
    ),
  ),
  report("a negative percentage", "progress", fenced({ percent: -1 })),
  report("an infinite percentage", "progress", '{"fence":1,"percent":1e999}'),
  report("a percentage in words", "progress", fenced({ percent: "50" })),
  report("a message of 2,001 characters", "progress", fenced({ percent: 1, message: "x".repeat(2_001) })),
  report("fence 0", "complete", () => ({ fence: 0, result: 1 })),
  report("a fence of 2^53", "complete", '{"fence":9007199254740992,"result":1}'),
  report("an infinite fence", "complete", '{"fence":1e999,"result":1}'),
  report("no fence", "complete", () => ({ result: 1 })),
  report("an unknown field", "complete", fenced({ result: 1, next: true })),
  report("an unknown field of the error", "fail", fenced({ error: { message: "x", stack: PAYLOAD_MARKER } })),
  report("no error", "fail", fenced({})),
  report("an unknown field", "release", fenced({ force: true })),
  report("a body of null", "release", "null"),
  report(
    "a result of 256 KB and a byte",
    "complete",
    fenced({ result: bytes(TASK_RESULT_BYTES_LIMIT + 1) }),
    "result.too_large",
  ),
  submission("257 KB of data", "data.too_large", () => ({ type: "test", data: bytes(257 * 1_024) })),
  submission("data of 256 KB and a byte", "data.too_large", () => ({
    type: "test",
    data: bytes(TASK_DATA_BYTES_LIMIT + 1),
  })),
  {
    name: "a claim of 0",
    path: "/v1/sessions/worker/claim",
    as: worker,
    body: () => ({ max: 0 }),
    code: "request.invalid",
  },
  {
    name: "a claim of 101",
    path: "/v1/sessions/worker/claim",
    as: worker,
    body: () => ({ max: 101 }),
    code: "request.invalid",
  },
  {
    name: "an unknown end",
    path: "/v1/sessions/worker/end",
    as: worker,
    body: () => ({ reason: "bored" }),
    code: "request.invalid",
  },
  {
    name: "a cancel's unknown field",
    path: "/v1/tasks/queued/cancel",
    as: submit,
    body: () => ({ why: "x" }),
    code: "request.invalid",
  },
  {
    name: "an unknown scope",
    path: "/v1/keys",
    as: admin,
    body: () => ({ scope: "root" }),
    code: "request.invalid",
  },
  {
    name: "a key that has expired already",
    path: "/v1/keys",
    as: admin,
    body: () => ({ scope: "agent", expiresAt: "2020-01-01T00:00:00Z" }),
    code: "request.invalid",
  },
  {
    name: "a key that expires some time",
    path: "/v1/keys",
    as: admin,
    body: () => ({ scope: "agent", expiresAt: "soon" }),
    code: "request.invalid",
  },
  {
    name: "a fleet with a slash",
    path: "/v1/fleets",
    as: root,
    body: () => ({ id: "a/b" }),
    code: "request.invalid",
  },
  {
    name: "an unknown profile",
    path: "/v1/fleets",
    as: root,
    body: () => ({ id: "new", profile: "slow" }),
    code: "request.invalid",
  },
  {
    name: "an unknown field of rebalance",
    path: "/v1/rebalance",
    as: operate,
    body: () => ({ force: true }),
    code: "request.invalid",
  },
  {
    name: "an unknown policy of rebalance",
    path: "/v1/rebalance",
    as: operate,
    body: () => ({ policy: "fastest" }),
    code: "request.invalid",
  },
];
