import { type Refusal, refuse } from "../contract/errors.ts";
import type { HeartbeatRequest, SessionBeat } from "../contract/heartbeat.ts";
import type { Command, HeartbeatAnswer } from "../contract/heartbeat-answer.ts";
import { sessionLog } from "../contract/message.ts";
import { PROFILES } from "../contract/profile.ts";
import { commandsFor, hasRoom, newConfig, standing } from "../domain/heartbeat-answer.ts";
import { sealPositions, unreadOf } from "../domain/inbox.ts";
import type { RiskZone } from "../contract/signals.ts";
import { reportedZone } from "../contract/risk.ts";
import { spread } from "../domain/spread.ts";
import { type HostClaims, TOKEN_LIFE_MS, TOKEN_RENEWAL_MS, signToken } from "../domain/tokens.ts";
import type { InboxHint } from "../ports/inbox-hints.ts";
import type { BeatPorts } from "../ports/ports.ts";
import type { Desired, Incarnation, Reported } from "../ports/registry.ts";
import { keepSignals, minuteOfBeat } from "./keep-signals.ts";

/** What is kept of a progress message in a beat: a line for people, so that a hundred sessions' reports stay small. */
const MESSAGE_CHARACTERS_KEPT = 200;

/**
 * Takes one beat of a host for all its sessions. A steady beat is exactly the two Redis commands of
 * `registry.beat`; whatever is unusual is left to the sweep, which can ask the record. A beat grants nothing:
 * a session that Redis lost gets a deadline back and is verified.
 */
export async function recordHeartbeat(
  ports: BeatPorts,
  claims: HostClaims,
  request: HeartbeatRequest,
): Promise<HeartbeatAnswer | Refusal> {
  if (request.host !== claims.host || request.boot !== claims.boot)
    return refuse("session.forbidden", "The beat names another host or boot than its token.");
  const nowMs = ports.clock.nowMs();
  const profile = PROFILES[claims.profile];
  const deadlineMs = nowMs + profile.timeoutMs;
  const incarnations = request.sessions.map((beat) => incarnationOf(claims, beat));
  const minute = minuteOfBeat(claims, request.sessions, nowMs);
  const { moved, desired, reported, inboxes, signals } = await ports.registry.beat(
    incarnations,
    deadlineMs,
    minute,
  );

  const renewedUntilMs = await renewal(ports, claims, nowMs);
  const doubtful: Incarnation[] = [];
  let room = false;
  const known: SessionBeat[] = [];
  const sessions: HeartbeatAnswer["sessions"] = [];
  for (const [i, beat] of request.sessions.entries()) {
    const document = desired[i] ?? null;
    const place = standing(beat, claims.host, document);
    const commands: Command[] = [];
    if (place === "unknown") doubtful.push(incarnationOf(claims, beat));
    if (place === "gone") commands.push({ type: "stop", reason: "session.superseded" });
    if (place === "known" && document) {
      known.push(beat);
      room ||= hasRoom(document);
      commands.push(...commandsFor(beat, document));
      commands.push(...messagesFor(ports, claims.fleet, beat.id, inboxes[i], nowMs));
      const retuned = newConfig(beat, document);
      if (renewedUntilMs !== null || retuned)
        // Whose key is not known to be active gets no longer a life by being told something else.
        commands.push({ ...tokensFor(ports, claims, beat, renewedUntilMs ?? claims.expiresMs), ...retuned });
      const news = newsOf(claims, request.seq, beat, document, reported[i] ?? null, ports.clock.nowMs());
      if (news) await keepNews(ports, claims.fleet, beat.id, news);
    }
    sessions.push({ id: beat.id, commands });
  }
  if (minute) await keepSignals(ports, minute, signals, known, nowMs);
  if (moved < incarnations.length) doubtful.push(...(await missing(ports, incarnations, desired)));
  if (doubtful.length > 0) await readmit(ports, doubtful, deadlineMs, nowMs);
  const intervalMs = room ? profile.idleIntervalMs : profile.intervalMs;
  // Where one session came back, all do: this beat's neighbours are those of the outage, and must part.
  return {
    nowMs,
    intervalMs: doubtful.length > 0 ? spread(intervalMs, `${claims.host} ${claims.boot}`) : intervalMs,
    sessions,
  };
}

function incarnationOf(claims: HostClaims, beat: SessionBeat): Incarnation {
  return { fleet: claims.fleet, host: claims.host, session: beat.id, epoch: beat.epoch };
}

/** The command that brings a session its unread messages, or has it fetch them; none when there are none. */
function messagesFor(
  { settings }: BeatPorts,
  fleet: string,
  session: string,
  hint: InboxHint | undefined,
  nowMs: number,
): Command[] {
  const unread = hint ? unreadOf(hint, session, nowMs) : null;
  if (!unread) return [];
  const { messages, upTo, more } = unread;
  const cursor =
    upTo === null
      ? null
      : sealPositions(settings.signingKeys, fleet, session, { [sessionLog(session)]: upTo });
  return [{ type: "message", messages: [...messages], cursor, more }];
}

/** Known sessions whose deadline is gone; not those whose deadline was merely as late already. */
async function missing(
  { registry }: BeatPorts,
  incarnations: readonly Incarnation[],
  desired: readonly (Desired | null)[],
): Promise<Incarnation[]> {
  const known = incarnations.filter(
    (incarnation, i) => desired[i]?.epoch === incarnation.epoch && desired[i].host === incarnation.host,
  );
  if (known.length === 0) return [];
  const deadlines = await registry.deadlines(known);
  return known.filter((_, i) => deadlines[i] === null);
}

/** Gives sessions that Redis does not know a deadline for now, and has the sweep compare them with the record. */
async function readmit(
  { registry, agenda }: BeatPorts,
  doubtful: readonly Incarnation[],
  deadlineMs: number,
  nowMs: number,
): Promise<void> {
  await registry.extend(doubtful, deadlineMs);
  await agenda.put(
    doubtful.map(
      ({ fleet, host, session, epoch }) => ({ kind: "verify", fleet, host, session, epoch }) as const,
    ),
    nowMs,
  );
}

type News = {
  /** What the session works on now, if it must be kept. */
  readonly report: Reported | null;
  /** Whether a task that it was to stop has stopped, so that the sweep must look. */
  readonly stopped: boolean;
  /** Whether it is in the danger zone for the first time since its start. */
  readonly endangered: boolean;
  /** The zone that it came into. Who was never heard of counts as safe. */
  readonly zone: RiskZone | null;
};

/** What a beat says that was not known before; null in a steady beat. */
function newsOf(
  claims: HostClaims,
  seq: number,
  beat: SessionBeat,
  desired: Desired,
  before: Reported | null,
  nowMs: number,
): News | null {
  const ours = before !== null && before.boot === claims.boot && before.epoch >= beat.epoch;
  if (ours && before.seq > seq) return null;
  const report = reportOf(claims, seq, beat, before);
  const toStop = Object.keys(desired.stopping);
  // Who waits for a task to be stopped must know that a beat without it came later than the order.
  const asked = (desired.asked === true || toStop.length > 0) && !(ours && before.seq === seq);
  const stopped = toStop.some((task) => !(task in report.tasks));
  if (!stopped && !asked && sameReport(before, report)) return null;
  const endangered =
    report.endangered === true && !(before?.epoch === beat.epoch && before.endangered === true);
  const zone = report.zone && report.zone !== (before?.zone ?? "safe") ? report.zone : null;
  if (asked) return { report: { ...report, answeredAtMs: nowMs }, stopped, endangered, zone };
  return { report: sameReport(before, report) ? null : report, stopped, endangered, zone };
}

async function keepNews(
  { registry, agenda, clock, metrics }: BeatPorts,
  fleet: string,
  session: string,
  { report, stopped, endangered, zone }: News,
): Promise<void> {
  if (endangered) await metrics.note(fleet, "SessionsEndangered", 1);
  const nowMs = clock.nowMs();
  // A report that is kept is not news again, so a change of zone is noted first.
  if (zone) await agenda.put([{ kind: "zone", fleet, session, zone, atMs: nowMs }], nowMs);
  if (report) await registry.report(fleet, session, report);
  if (stopped) await agenda.put([{ kind: "settle", fleet, session }], nowMs);
}

function reportOf(claims: HostClaims, seq: number, beat: SessionBeat, before: Reported | null): Reported {
  const earlier = before?.epoch === beat.epoch ? before : null;
  // A beat without signals says nothing new of the risk.
  const zone = reportedZone(beat.signals) ?? earlier?.zone;
  const endangered = zone === "danger" || earlier?.endangered === true;
  const tasks = (beat.tasks ?? []).map(
    ({ id, fence, percent, message }) =>
      [
        id,
        { fence, percent: percent ?? null, message: message?.slice(0, MESSAGE_CHARACTERS_KEPT) ?? null },
      ] as const,
  );
  return {
    boot: claims.boot,
    epoch: beat.epoch,
    seq,
    activity: beat.activity ?? null,
    ...(zone && { zone }),
    ...(endangered && { endangered }),
    // Only who once listed a task says by leaving it out that it dropped it: simple agents list nothing, ever.
    listed: tasks.length > 0 || earlier?.listed === true,
    tasks: Object.fromEntries(tasks),
  };
}

function sameReport(before: Reported | null, now: Reported): boolean {
  if (!before) return now.listed !== true && now.activity === null && now.zone === undefined;
  const kept = before.boot === now.boot && before.epoch === now.epoch && before.listed === now.listed;
  const ids = Object.keys(now.tasks);
  return (
    kept &&
    before.activity === now.activity &&
    before.zone === now.zone &&
    before.endangered === now.endangered &&
    ids.length === Object.keys(before.tasks).length &&
    ids.every((id) => sameTask(before.tasks[id], now.tasks[id]))
  );
}

type ReportedTask = Reported["tasks"][string] | undefined;

function sameTask(before: ReportedTask, now: ReportedTask): boolean {
  return before?.fence === now?.fence && before?.percent === now?.percent && before?.message === now?.message;
}

/** Until when tokens are renewed, if the host's ends soon and its API key is still active; else null. */
async function renewal(
  { keyMirror, agenda }: BeatPorts,
  claims: HostClaims,
  nowMs: number,
): Promise<number | null> {
  if (claims.expiresMs - nowMs > TOKEN_RENEWAL_MS) return null;
  if (claims.keyExpiresMs !== null && claims.keyExpiresMs <= nowMs) return null;
  const status = await keyMirror.get(claims.fleet, claims.keyId);
  if (status === null) await agenda.put([{ kind: "key", fleet: claims.fleet, keyId: claims.keyId }], nowMs);
  return status === "active" ? nowMs + TOKEN_LIFE_MS : null;
}

/** The command that brings a session its tokens. */
function tokensFor({ settings }: BeatPorts, claims: HostClaims, beat: SessionBeat, expiresMs: number) {
  const hostToken = signToken(settings.signingKeys, { ...claims, expiresMs });
  const token = signToken(settings.signingKeys, {
    ...claims,
    kind: "session",
    session: beat.id,
    epoch: beat.epoch,
    expiresMs,
  });
  return { type: "config", token, hostToken, tokenExpiresMs: expiresMs } as const;
}
