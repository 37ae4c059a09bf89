import { type Refusal, isRefusal, refuse } from "../contract/errors.ts";
import { HOST_SESSIONS_LIMIT } from "../contract/limits.ts";
import type { FleetRecord, HostRecord, SessionRecord } from "../contract/records.ts";
import type { RegisterAnswer, RegisterRequest } from "../contract/session.ts";
import { hashOf } from "../domain/canonical-json.ts";
import { UNCHANGED, commit, refused } from "../domain/decision.ts";
import { valuesOf } from "../domain/experiments/parameters.ts";
import { beatingOf } from "../domain/experiments/session-tuning.ts";
import { isAlive, register } from "../domain/session-transitions.ts";
import { type HostClaims, TOKEN_LIFE_MS, signToken } from "../domain/tokens.ts";
import { sessionView } from "../domain/views.ts";
import type { Ports } from "../ports/ports.ts";
import { StoreUnavailable } from "../ports/unavailable.ts";
import { allocateSession, tellStart, tuningConfig, withdrawStopped } from "./allocate-session.ts";
import { briefOfSession } from "./brief-of.ts";
import { changeOrCreate } from "./change.ts";
import { listenToEvents } from "./announce-event.ts";
import { fleetOf } from "./fleet-of.ts";
import { openInbox } from "./open-inbox.ts";
import { placeReading } from "./place-reading.ts";
import { publishSession } from "./publish-session.ts";
import { recoverSession } from "./recover-session.ts";
import { fillFleet } from "./take-ready.ts";

export type Registering = {
  readonly fleet: string;
  readonly keyId: string;
  readonly keyExpiresMs: number | null;
  /** The Idempotency-Key, or null. */
  readonly seed: string | null;
  /** Claims of the host token that was presented, or null. */
  readonly hostToken: HostClaims | null;
};

/** Waiting tasks a new session may be given at once. */
const WELCOME_LIMIT = 100;

/**
 * Starts a session, or starts it again with a higher epoch. What its predecessor held is requeued before, and a
 * host's new boot gives up all sessions of the old one.
 */
export async function registerSession(
  ports: Ports,
  by: Registering,
  request: RegisterRequest,
): Promise<RegisterAnswer | Refusal> {
  const { fleet } = by;
  const settings = await fleetOf(ports, fleet);
  const { sessionsFull, sessionsQuota } = settings;
  const id = request.id ?? `ses_${by.seed === null ? ports.chance.id() : hashOf(fleet, by.seed)}`;
  const found = await ports.record.sessions.get(fleet, id);
  if (!found && sessionsFull)
    return refuse("quota.exceeded", `The fleet has its ${sessionsQuota} live sessions, by the last count.`);
  // Before the host is taken: what is refused must not have taken it.
  const elsewhere = await refuseElsewhere(ports, found, request);
  if (elsewhere) return elsewhere;

  const taken = await takeHost(ports, by, settings, request);
  if (isRefusal(taken)) return taken;
  const added = await addToHost(ports, taken, id);
  if (isRefusal(added)) return added;
  const registration = by.seed === null ? null : hashOf(by.seed, request);
  const previous = await predecessor(ports, fleet, id, request, registration);
  if (isRefusal(previous)) return previous;
  if (previous && isAlive(previous)) {
    await tellStart(ports, settings, previous);
    return answer(ports, by, previous, settings);
  }
  const start = register(
    previous,
    { fleet, id, request, keyId: by.keyId, registration },
    ports.clock.nowMs(),
  );
  const profile = taken.profile ?? settings.profile;
  const next = await allocateSession(ports, settings, start, profile, request.capacity);
  // Before the session is: from its first instant on, whatever it subscribed to is kept for it.
  const unheard = await listenToEvents(ports, settings, next);
  if (unheard) return unheard;
  const inbox = await openInbox(ports, fleet, id, next.topics ?? []);
  if (isRefusal(inbox)) return inbox;
  const session = await ports.record.sessions.commit(previous, next);
  if (!session)
    return refuse("conflict.retry", `Session ${id} was registered by somebody else at the same time.`);
  await measureRestart(ports, previous, session);
  await ports.keyMirror.set(fleet, by.keyId, "active");
  await placeReading(ports, session, inbox);
  await welcome(ports, session, settings);
  const now = await withdrawStopped(ports, settings, session);
  await tellStart(ports, now, session);
  return answer(ports, by, session, now);
}

/** How long a session that crashed was away. */
async function measureRestart(
  { metrics }: Ports,
  previous: SessionRecord | null,
  { fleet, startedAtMs }: SessionRecord,
): Promise<void> {
  if (previous?.state !== "crashed" || previous.lastBeatAtMs === null) return;
  await metrics.note(fleet, "SessionRestartDuration", Math.max(0, startedAtMs - previous.lastBeatAtMs));
}

/** Makes this boot the host's, unless another is alive and its token was not presented. */
async function takeHost(
  ports: Ports,
  by: Registering,
  settings: FleetRecord,
  { host: hostId, boot }: RegisterRequest,
): Promise<HostRecord | Refusal> {
  const { fleet } = by;
  const current = await ports.record.hosts.get(fleet, hostId);
  if (current?.boot === boot) return current;
  const old = current
    ? (await ports.record.sessions.getMany(fleet, current.sessions)).filter(
        (session) => session.boot === current.boot && session.host === hostId && isAlive(session),
      )
    : [];
  const entitled =
    current &&
    by.hostToken?.fleet === fleet &&
    by.hostToken.host === hostId &&
    by.hostToken.boot === current.boot;
  if (current && !entitled && (await anyInTime(ports, old)))
    return refuse("host.live", `Host ${hostId} is live with another boot.`);
  const { heartbeatProfile } = valuesOf(settings);
  const next: HostRecord = {
    v: 1,
    rev: current?.rev ?? 0,
    fleet,
    id: hostId,
    boot,
    sessions: [],
    registeredAtMs: ports.clock.nowMs(),
    ...(heartbeatProfile !== settings.profile && { profile: heartbeatProfile }),
  };
  const written = await ports.record.hosts.commit(current, next);
  if (!written)
    return refuse("conflict.retry", `Host ${hostId} was registered by another boot at the same time.`);
  for (const session of old)
    await recoverSession(ports, fleet, session.id, session.epoch, {
      endsAs: "crashed",
      cause: "Its host started again.",
      lastBeatAtMs: null,
      endedBy: "lost",
    });
  return written;
}

/** Whether any of these sessions may still beat. One whose deadline Redis lost may. */
async function anyInTime({ registry, clock }: Ports, sessions: readonly SessionRecord[]): Promise<boolean> {
  if (sessions.length === 0) return false;
  const deadlines = await registry.deadlines(
    sessions.map(({ fleet, host, id, epoch }) => ({ fleet, host, session: id, epoch })),
  );
  return deadlines.some((deadlineMs) => deadlineMs === null || deadlineMs > clock.nowMs());
}

/** Why a session may not be taken to this host: it may still beat on another. */
async function refuseElsewhere(
  ports: Ports,
  found: SessionRecord | null,
  { host }: RegisterRequest,
): Promise<Refusal | null> {
  if (!found || !isAlive(found) || found.host === host || !(await anyInTime(ports, [found]))) return null;
  return refuse("session.live", `Session ${found.id} is live on another host.`);
}

/** What is there of this id: nothing, one that has ended, or this very registration, made before. */
async function predecessor(
  ports: Ports,
  fleet: string,
  id: string,
  request: RegisterRequest,
  registration: string | null,
): Promise<SessionRecord | null | Refusal> {
  const found = await ports.record.sessions.get(fleet, id);
  if (!found) return null;
  if (!isAlive(found) && found.state !== "recovering") return found;
  const elsewhere = await refuseElsewhere(ports, found, request);
  if (elsewhere) return elsewhere;
  if (isAlive(found) && registration !== null && found.registration === registration) return found;
  const epoch = isAlive(found) ? found.epoch : found.epoch - 1;
  const recovered = await recoverSession(ports, fleet, id, epoch, {
    endsAs: "crashed",
    cause: "It was started again.",
    lastBeatAtMs: null,
    endedBy: isAlive(found) && found.restartAsked ? "exit" : "lost",
  });
  if (!recovered || recovered.state === "recovering" || isAlive(recovered))
    return refuse("conflict.retry", `Session ${id} is being given up by somebody else.`);
  return recovered;
}

/** Files the session with its host before it exists, dropping those that have ended when the host is full. */
async function addToHost({ record }: Ports, host: HostRecord, id: string): Promise<HostRecord | Refusal> {
  const { fleet } = host;
  const listed = await record.hosts.get(fleet, host.id);
  const crowded = listed !== null && listed.sessions.length >= HOST_SESSIONS_LIMIT;
  const gone = new Set(crowded ? listed.sessions : []);
  for (const session of await record.sessions.getMany(fleet, [...gone]))
    if (isAlive(session)) gone.delete(session.id);
  const result = await changeOrCreate(
    () => record.hosts.get(fleet, host.id),
    record.hosts.commit,
    (current) => {
      if (current?.boot !== host.boot)
        return refused("host.live", `Host ${host.id} was registered by another boot at the same time.`);
      if (current.sessions.includes(id)) return UNCHANGED;
      // One that was filed meanwhile is not among those that are gone.
      const others = current.sessions.filter((other) => !gone.has(other));
      if (others.length >= HOST_SESSIONS_LIMIT)
        return refused(
          "host.full",
          `Host ${host.id} has ${others.length} live sessions; the limit is ${HOST_SESSIONS_LIMIT}.`,
        );
      return commit({ ...current, sessions: [...others, id] });
    },
  );
  return isRefusal(result) ? result : host;
}

/** Gives the session its deadline and its place among those with room, and makes sure that a sweep watches it. */
async function welcome(ports: Ports, session: SessionRecord, settings: FleetRecord): Promise<void> {
  const { fleet, host, id, epoch } = session;
  const nowMs = ports.clock.nowMs();
  const { timeoutMs } = beatingOf(session, settings);
  await ports.registry.extend([{ fleet, host, session: id, epoch }], nowMs + timeoutMs);
  await publishSession(ports, session);
  const sweep = await ports.record.sweep.get();
  if (!sweep || sweep.untilMs <= nowMs) await wake(ports);
  await fillFleet(ports, fleet, WELCOME_LIMIT);
}

/** The next minute's sweep comes anyway, so a queue that does not answer keeps nobody out. */
async function wake({ events, log }: Ports): Promise<void> {
  try {
    await events.wakeSweep();
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    log.warn("sweep not woken; its schedule will", { store: error.store });
  }
}

async function answer(
  ports: Ports,
  by: Registering,
  session: SessionRecord,
  settings: FleetRecord,
): Promise<RegisterAnswer> {
  const current = (await ports.record.sessions.get(session.fleet, session.id)) ?? session;
  const { fleet, host, boot, id, epoch } = session;
  const expiresMs = ports.clock.nowMs() + TOKEN_LIFE_MS;
  const { name: profile, intervalMs, timeoutMs } = beatingOf(session, settings);
  const common = { fleet, host, boot, keyId: by.keyId, keyExpiresMs: by.keyExpiresMs, profile, expiresMs };
  const { signingKeys, heartbeatUrl } = ports.settings;
  return {
    session: sessionView(current, { activity: null, lastBeatAtMs: null }),
    token: signToken(signingKeys, { kind: "session", ...common, session: id, epoch }),
    hostToken: signToken(signingKeys, { kind: "host", ...common }),
    heartbeat: { url: heartbeatUrl, intervalMs, timeoutMs },
    config: { profile, tokenExpiresMs: expiresMs, ...tuningConfig(settings, current) },
    resume: session.before ? await briefOfSession(ports, session, settings) : null,
  };
}
