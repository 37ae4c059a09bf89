import { randomBytes } from "node:crypto";
import type { Scope } from "../../shared/contract/fleet.ts";
import { parseSigningKeys, readToken, signToken } from "../../shared/domain/tokens.ts";
import type { EmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import { eventually } from "../fixtures/eventually.ts";
import type { CloudDump } from "./cloud-dump.ts";

/** A started session and its credentials. */
export type Actor = {
  readonly id: string;
  readonly epoch: number;
  readonly token: string;
  readonly hostToken: string;
};

type Registered = { session: { id: string; epoch: number }; token: string; hostToken: string };

/** Sends a request that the test needs to succeed, and fails the test with the refusal if it does not. */
export async function must<T>(
  cloud: EmbeddedCloud,
  method: string,
  path: string,
  options: Parameters<EmbeddedCloud["request"]>[2] = {},
): Promise<T> {
  const { status, body } = await cloud.request(method, path, options);
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
  return body as T;
}

export async function makeKey(
  cloud: EmbeddedCloud,
  scope: Scope,
  { as, expiresAt }: { as?: string; expiresAt?: string } = {},
): Promise<{ id: string; secret: string }> {
  const made = await must<{ key: { id: string }; secret: string }>(cloud, "POST", "/v1/keys", {
    key: as,
    body: { scope, expiresAt },
  });
  return { id: made.key.id, secret: made.secret };
}

export async function registerSession(
  cloud: EmbeddedCloud,
  request: { id: string; host: string; boot?: string } & Record<string, unknown>,
  { key, headers }: { key?: string; headers?: Record<string, string> } = {},
): Promise<Actor> {
  const { session, token, hostToken } = await must<Registered>(cloud, "POST", "/v1/sessions", {
    key,
    headers,
    body: { boot: `boot-of-${request.host}`, agent: "test", ...request },
  });
  return { id: session.id, epoch: session.epoch, token, hostToken };
}

export const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

/** Submits one task and has the session start it. The task requires what only this session can. */
export async function holdTask(
  cloud: EmbeddedCloud,
  session: Actor,
  task: { id: string } & Record<string, unknown>,
  key?: string,
): Promise<number> {
  await must(cloud, "POST", "/v1/tasks", {
    key,
    body: { type: "test", data: {}, requires: [session.id], ...task },
  });
  return eventually(`${session.id} holds ${task.id}`, async () => {
    const { tasks } = await must<{ tasks: { task: { id: string }; fence: number }[] }>(
      cloud,
      "POST",
      `/v1/sessions/${session.id}/claim`,
      { key: session.token, body: {} },
    );
    return tasks.find((held) => held.task.id === task.id)?.fence;
  });
}

/** The same token with other claims, signed as this deployment signs. */
export function resign(cloud: EmbeddedCloud, token: string, claims: { expiresMs: number }): string {
  const keys = parseSigningKeys(cloud.state.credentials.tokenKeys);
  const before = readToken(keys, token);
  if (!before) throw new Error("Not a token of this cloud.");
  return signToken(keys, { ...before, ...claims });
}

/** The same token as another deployment would have made it. */
export function forge(cloud: EmbeddedCloud, token: string): string {
  const before = readToken(parseSigningKeys(cloud.state.credentials.tokenKeys), token);
  if (!before) throw new Error("Not a token of this cloud.");
  return signToken([{ id: "k1", secret: randomBytes(32) }], before);
}

/**
 * Sessions, tasks and keys in every state that a bad request could want to change: in the fleet `default`
 * `worker` and `neighbour` on one host and `remote` on another, and in the fleet `rival` one session.
 */
export async function assembleCast(cloud: EmbeddedCloud, stores: CloudDump) {
  const keys = {
    agent: await makeKey(cloud, "agent"),
    submit: await makeKey(cloud, "submit"),
    operate: await makeKey(cloud, "operate"),
    revoked: await makeKey(cloud, "admin"),
    expired: await makeKey(cloud, "admin", { expiresAt: inAnHour() }),
  };
  await must(cloud, "DELETE", `/v1/keys/${keys.revoked.id}`);
  await stores.expireKey(keys.expired.id, Date.now() - 1);
  const { adminKey: rivalKey } = await must<{ adminKey: string }>(cloud, "POST", "/v1/fleets", {
    key: cloud.rootKey,
    body: { id: "rival", profile: "standard" },
  });
  const worker = await registerSession(cloud, {
    id: "worker",
    host: "h1",
    capabilities: ["worker"],
    capacity: 20,
  });
  const neighbour = await registerSession(cloud, {
    id: "neighbour",
    host: "h1",
    capabilities: ["neighbour"],
  });
  const remote = await registerSession(cloud, { id: "remote", host: "h2", capabilities: ["remote"] });
  const stale = await registerSession(cloud, { id: "restarted", host: "h2", capabilities: ["restarted"] });
  const restarted = await registerSession(cloud, {
    id: "restarted",
    host: "h2",
    capabilities: ["restarted"],
  });
  const ended = await registerSession(cloud, { id: "ended", host: "h2", capabilities: ["ended"] });
  await must(cloud, "POST", "/v1/sessions/ended/end", { key: ended.token, body: { reason: "completed" } });
  const rival = await registerSession(
    cloud,
    { id: "rival-worker", host: "h9", capabilities: ["rival-worker"] },
    { key: rivalKey },
  );
  const fences = await assembleTasks(cloud, { worker, remote, rival, rivalKey });
  return { keys, rivalKey, worker, neighbour, remote, stale, restarted, ended, rival, fences };
}
export type Cast = Awaited<ReturnType<typeof assembleCast>>;

/** One task in each state, named by it. Resolves to the fences of those that were held. */
async function assembleTasks(
  cloud: EmbeddedCloud,
  { worker, remote, rival, rivalKey }: { worker: Actor; remote: Actor; rival: Actor; rivalKey: string },
): Promise<Readonly<Record<"running" | "remote" | "completed" | "failed" | "cancelled" | "rival", number>>> {
  const nowhere = { type: "test", data: {}, requires: ["nobody"] };
  await must(cloud, "POST", "/v1/tasks", {
    body: [
      { id: "queued", ...nowhere },
      { id: "blocked", ...nowhere, dependsOn: ["queued"] },
    ],
  });
  const settle = (id: string, what: string, body: object) =>
    must(cloud, "POST", `/v1/tasks/${id}/${what}`, { key: worker.token, body });
  const completed = await holdTask(cloud, worker, { id: "completed" });
  await settle("completed", "complete", { fence: completed, result: "done" });
  const failed = await holdTask(cloud, worker, { id: "failed" });
  await settle("failed", "fail", { fence: failed, error: { message: "no" }, retryable: false });
  const cancelled = await holdTask(cloud, worker, { id: "cancelled" });
  await must(cloud, "POST", "/v1/tasks/cancelled/cancel");
  return {
    completed,
    failed,
    cancelled,
    running: await holdTask(cloud, worker, { id: "running", maxAttempts: 1 }),
    remote: await holdTask(cloud, remote, { id: "remote" }),
    rival: await holdTask(cloud, rival, { id: "rival-task" }, rivalKey),
  };
}
