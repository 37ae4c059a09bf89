import type * as z from "zod/mini";
import { API, type Route } from "../../shared/contract/api.ts";
import type { Refusal } from "../../shared/contract/errors.ts";
import { type HostClaims, type SessionClaims, readToken } from "../../shared/domain/tokens.ts";
import { acknowledgeMessages } from "../../shared/operations/acknowledge-messages.ts";
import { claimTasks } from "../../shared/operations/claim-tasks.ts";
import { endSession } from "../../shared/operations/end-session.ts";
import { readLatestCheckpoint } from "../../shared/operations/read-checkpoint.ts";
import { recordHeartbeat } from "../../shared/operations/record-heartbeat.ts";
import { makeKey } from "../../shared/operations/manage-keys.ts";
import { readMessages } from "../../shared/operations/read-messages.ts";
import { registerSession } from "../../shared/operations/register-session.ts";
import { sendMessage } from "../../shared/operations/send-message.ts";
import { completeTask, reportProgress } from "../../shared/operations/settle-task.ts";
import { writeCheckpoint } from "../../shared/operations/write-checkpoint.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { overHttp } from "./over-http.ts";

type BodyOf<R extends Route> = R extends { readonly body: infer S extends z.ZodMiniType }
  ? z.infer<S>
  : undefined;
type AnswerOf<R extends Route> = z.infer<R["answer"]> & object;

/** Who asks: what is written into the request's header, and what a token says. */
export type Credential<C> = { readonly secret: string; readonly claims: C };
export type KeyClaims = { readonly fleet: string; readonly keyId: string };
export type ApiKey = Credential<KeyClaims>;
export type HostToken = Credential<HostClaims>;
export type SessionToken = Credential<SessionClaims>;

export const sessionToken = ({ settings }: Ports, secret: string): SessionToken => ({
  secret,
  claims: readToken(settings.signingKeys, secret) as SessionClaims,
});
export const hostToken = ({ settings }: Ports, secret: string): HostToken => ({
  secret,
  claims: readToken(settings.signingKeys, secret) as HostClaims,
});

/** A key that may do everything in its fleet. */
export async function createApiKey(ports: Ports, fleet: string): Promise<ApiKey> {
  const keyId = "key_sim";
  const name = { id: keyId, random: "simulated".repeat(3) };
  const { secret } = await makeKey(ports, fleet, "admin", "simulation", null, name);
  return { secret, claims: { fleet, keyId } };
}

/** What one request says: all that its route does not. */
export type Asked<B, C> = {
  readonly by: Credential<C>;
  /** What the path names, if it names anything. */
  readonly id?: string;
  readonly body: B;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
};

/**
 * A request of clients: over its real handler, and, if there are so many of them that their JSON would be most of a
 * simulation's time, as the one operation that the handler calls. What has an Idempotency-Key needs its handler, which
 * knows whether it came before.
 */
type Kind<R extends Route, C> = {
  readonly route: R;
  readonly direct: ((ports: Ports, asked: Asked<BodyOf<R>, C>) => Promise<AnswerOf<R> | Refusal>) | null;
};

const byKey = <R extends Route>(route: R): Kind<R, KeyClaims> => ({ route, direct: null });
const byToken = <R extends Route>(route: R): Kind<R, SessionClaims> => ({ route, direct: null });
const often = <R extends Route, C>(route: R, direct: NonNullable<Kind<R, C>["direct"]>): Kind<R, C> => ({
  route,
  direct,
});

const readerOf = (claims: SessionClaims, id = "") => ({ fleet: claims.fleet, session: id, claims });

export const REQUESTS = {
  register: often<typeof API.registerSession, KeyClaims>(
    API.registerSession,
    (ports, { by, headers = {}, body }) => {
      const { "shim-host-token": old } = headers;
      const hostClaims = old === undefined ? null : hostToken(ports, old).claims;
      return registerSession(
        ports,
        { ...by.claims, keyExpiresMs: null, seed: null, hostToken: hostClaims },
        body,
      );
    },
  ),
  submit: byKey(API.submitTasks),
  cancel: byKey(API.cancelTask),
  redrive: byKey(API.redriveTask),
  rebalance: byKey(API.rebalance),
  drain: byKey(API.drainSession),
  restart: byKey(API.restartSession),
  pause: byKey(API.pauseTasks),
  resume: byKey(API.resumeTasks),
  limit: byKey(API.limitTasks),
  summary: byKey(API.summariseProgress),
  fail: byToken(API.failTask),
  release: byToken(API.releaseTask),
  beat: often<typeof API.recordHeartbeat, HostClaims>(API.recordHeartbeat, (ports, { by, body }) =>
    recordHeartbeat(ports, by.claims, body),
  ),
  send: often<typeof API.sendMessage, SessionClaims>(API.sendMessage, (ports, { by, body }) =>
    sendMessage(ports, { fleet: by.claims.fleet, claims: by.claims, seed: null }, body),
  ),
  sendAsOperator: byKey(API.sendMessage),
  read: often<typeof API.readMessages, SessionClaims>(API.readMessages, (ports, { by, id, query = {} }) =>
    readMessages(ports, readerOf(by.claims, id), query["cursor"] ?? null),
  ),
  acknowledge: often<typeof API.acknowledgeMessages, SessionClaims>(
    API.acknowledgeMessages,
    (ports, { by, id, body }) => acknowledgeMessages(ports, readerOf(by.claims, id), body.cursor),
  ),
  claim: often<typeof API.claimTasks, SessionClaims>(API.claimTasks, (ports, { by, body }) =>
    claimTasks(ports, by.claims, body.max ?? 1),
  ),
  progress: often<typeof API.reportProgress, SessionClaims>(API.reportProgress, (ports, { by, id, body }) =>
    reportProgress(ports, by.claims, id ?? "", body),
  ),
  complete: often<typeof API.completeTask, SessionClaims>(API.completeTask, (ports, { by, id, body }) =>
    completeTask(ports, by.claims, id ?? "", body),
  ),
  checkpoint: often<typeof API.writeCheckpoint, SessionClaims>(API.writeCheckpoint, (ports, { by, body }) =>
    writeCheckpoint(ports, by.claims, body),
  ),
  latest: often<typeof API.readCheckpoint, SessionClaims>(API.readCheckpoint, (ports, { by, id }) =>
    readLatestCheckpoint(ports, readerOf(by.claims, id)),
  ),
  end: often<typeof API.endSession, SessionClaims | HostClaims>(API.endSession, (ports, { by, id, body }) =>
    endSession(ports, by.claims, id ?? "", body),
  ),
} as const;

export type RequestName = keyof typeof REQUESTS;
export type AskedOf<N extends RequestName> =
  (typeof REQUESTS)[N] extends Kind<infer R, infer C> ? Asked<BodyOf<R>, C> : never;
export type AnswerTo<N extends RequestName> =
  (typeof REQUESTS)[N] extends Kind<infer R, infer _C> ? AnswerOf<R> : never;

/** Carries a request out as a function of the control plane would. */
export function carryOut<N extends RequestName>(
  ports: Ports,
  name: N,
  asked: AskedOf<N>,
  whole: boolean,
): Promise<AnswerTo<N> | Refusal> {
  const kind = REQUESTS[name] as unknown as Kind<Route, unknown>;
  const { by, id = null, body, query = {}, headers = {} } = asked as Asked<unknown, unknown>;
  const { route, direct } = kind;
  const answer =
    direct && !whole && headers["idempotency-key"] === undefined
      ? direct(ports, asked)
      : overHttp(ports, { route, id, secret: by.secret, headers, query, body });
  return answer as Promise<AnswerTo<N> | Refusal>;
}
