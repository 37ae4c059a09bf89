import type { BadCase } from "./bad-case.ts";
import { PAYLOAD_MARKER, admin, agent, host, operate, root, submit, worker } from "./bad-case.ts";
import { forge, resign } from "./cast.ts";

const task = { type: "test", data: PAYLOAD_MARKER };
const listing = { method: "GET", path: "/v1/tasks" } as const;
const submission = { path: "/v1/tasks", body: () => task } as const;
const complete = { path: "/v1/tasks/running/complete", body: () => ({ fence: 1, result: 1 }) } as const;
const claim = { path: "/v1/sessions/worker/claim", body: () => ({}) } as const;
const beat = {
  path: "/v1/heartbeat",
  body: () => ({ host: "h1", boot: "boot-of-h1", seq: 1, sessions: [] }),
} as const;
const HOUR_MS = 3_600_000;

/** Who asks is unknown: 401. */
export const UNKNOWN_CALLERS: readonly BadCase[] = [
  { name: "no key", ...submission, as: undefined, code: "auth.missing" },
  { name: "no token for a beat", ...beat, as: undefined, code: "auth.missing" },
  {
    name: "an empty Authorization",
    ...listing,
    as: undefined,
    headers: () => [["authorization", ""]],
    code: "auth.missing",
  },
  { name: "a revoked key", ...submission, as: ({ cast }) => cast.keys.revoked.secret, code: "auth.revoked" },
  { name: "an expired key", ...submission, as: ({ cast }) => cast.keys.expired.secret, code: "auth.revoked" },
  {
    name: "a key with another's secret",
    ...listing,
    as: ({ cast: { keys } }) =>
      `shim_k.default/${keys.agent.id}.${keys.submit.secret.split(".").at(-1) ?? ""}`,
    code: "auth.invalid",
  },
  {
    name: "a key that names another fleet",
    ...listing,
    as: ({ cast }) => cast.keys.submit.secret.replace("default", "rival"),
    code: "auth.invalid",
  },
  {
    name: "a key of no fleet",
    ...listing,
    as: () => `shim_k.none/key_x.${"x".repeat(44)}`,
    code: "auth.invalid",
  },
  { name: "words instead of a key", ...listing, as: () => "let-me-in", code: "auth.invalid" },
  {
    name: "basic credentials",
    ...listing,
    as: undefined,
    headers: ({ cloud }) => [
      ["authorization", `Basic ${Buffer.from(`x:${cloud.adminKey}`).toString("base64")}`],
    ],
    code: "auth.invalid",
  },
  {
    name: "the admin key after another scheme's word",
    ...listing,
    as: undefined,
    headers: ({ cloud }) => [["authorization", `Bearer Bearer ${cloud.adminKey}`]],
    code: "auth.invalid",
  },
  {
    name: "two Authorization headers, both good",
    ...listing,
    as: admin,
    headers: ({ cloud }) => [["Authorization", `Bearer ${cloud.adminKey}`]],
    code: "auth.invalid",
  },
  {
    name: "two Authorization headers for a beat",
    ...beat,
    as: host,
    headers: ({ cast }) => [["authorization", `Bearer ${cast.worker.hostToken}`]],
    code: "auth.invalid",
  },
  { name: "a credential of 3,000 characters", ...listing, as: () => "k".repeat(3_000), code: "auth.invalid" },
  {
    name: "a token of another deployment",
    ...claim,
    as: ({ cloud, cast }) => forge(cloud, cast.worker.token),
    code: "auth.invalid",
  },
  {
    name: "a host token of another deployment",
    ...beat,
    as: ({ cloud, cast }) => forge(cloud, cast.worker.hostToken),
    code: "auth.invalid",
  },
  {
    name: "a token with another's claims",
    ...claim,
    as: ({ cast: { worker: own, remote } }) =>
      own.token.replace(own.token.split(".")[2] ?? "", remote.token.split(".")[2] ?? ""),
    code: "auth.invalid",
  },
  { name: "a token without a signature", ...claim, as: () => "shim_t.k1.e30.", code: "auth.invalid" },
  { name: "a token that is only a prefix", ...claim, as: () => "shim_t.", code: "auth.invalid" },
  {
    name: "an expired session token",
    ...claim,
    as: ({ cloud, cast }) => resign(cloud, cast.worker.token, { expiresMs: Date.now() - 1 }),
    code: "auth.expired",
  },
  {
    name: "a host token that expired an hour ago",
    ...beat,
    as: ({ cloud, cast }) => resign(cloud, cast.worker.hostToken, { expiresMs: Date.now() - HOUR_MS }),
    code: "auth.expired",
  },
];

/** Who asks may not do this: 403. */
export const FORBIDDEN_CALLERS: readonly BadCase[] = [
  { name: "an agent's key submits", ...submission, as: agent, code: "scope.insufficient" },
  { name: "an operator's key submits", ...submission, as: operate, code: "scope.insufficient" },
  { name: "the root key submits", ...submission, as: root, code: "scope.insufficient" },
  { name: "a session's token submits", ...submission, as: worker, code: "scope.insufficient" },
  { name: "an admin's key completes a task", ...complete, as: admin, code: "scope.insufficient" },
  { name: "a host's token completes a task", ...complete, as: host, code: "scope.insufficient" },
  { name: "a host's token claims", ...claim, as: host, code: "scope.insufficient" },
  { name: "an agent's key beats", ...beat, as: agent, code: "scope.insufficient" },
  { name: "a session's token beats", ...beat, as: worker, code: "scope.insufficient" },
  {
    name: "a session's token registers",
    path: "/v1/sessions",
    as: worker,
    body: () => ({ host: "h1", boot: "b", agent: "a" }),
    code: "scope.insufficient",
  },
  {
    name: "a submitter's key lists keys",
    method: "GET",
    path: "/v1/keys",
    as: submit,
    code: "scope.insufficient",
  },
  {
    name: "an operator's key makes an admin's",
    path: "/v1/keys",
    as: operate,
    body: () => ({ scope: "admin" }),
    code: "scope.insufficient",
  },
  {
    name: "an admin's key makes a fleet",
    path: "/v1/fleets",
    as: admin,
    body: () => ({ id: "new" }),
    code: "scope.insufficient",
  },
  {
    name: "another session's claim",
    path: "/v1/sessions/neighbour/claim",
    as: worker,
    body: () => ({}),
    code: "session.forbidden",
  },
  {
    name: "another session's end",
    path: "/v1/sessions/neighbour/end",
    as: worker,
    body: () => ({ reason: "crashed" }),
    code: "session.forbidden",
  },
  {
    name: "another host's session's end",
    path: "/v1/sessions/remote/end",
    as: host,
    body: () => ({ reason: "crashed" }),
    code: "session.forbidden",
  },
  {
    name: "another fleet's session's token for a session of ours",
    ...claim,
    as: ({ cast }) => cast.rival.token,
    code: "session.forbidden",
  },
  {
    name: "a beat for another host",
    path: "/v1/heartbeat",
    as: host,
    body: () => ({ host: "h2", boot: "boot-of-h1", seq: 1, sessions: [{ id: "remote", epoch: 1 }] }),
    code: "session.forbidden",
  },
  {
    name: "a beat for another boot",
    path: "/v1/heartbeat",
    as: host,
    body: () => ({ host: "h1", boot: "boot-of-h2", seq: 1, sessions: [] }),
    code: "session.forbidden",
  },
];
