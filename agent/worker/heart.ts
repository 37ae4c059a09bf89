import type { SessionBeat } from "../../shared/contract/heartbeat.ts";
import type { Command, HeartbeatAnswer } from "../../shared/contract/heartbeat-answer.ts";
import { jitteredDelayMs } from "../backoff.ts";
import { ApiError, isTransient, messageOf } from "../problem.ts";
import type { AgentApi } from "./agent-api.ts";
import type { WorkerLog } from "./log.ts";
import { monotonicMs } from "./monotonic.ts";
import { createPulse } from "./pulse.ts";

/** A session as the heartbeat sees it. */
export type Beating = {
  readonly id: string;
  /** What it reports; null while it is not registered. */
  describe(): SessionBeat | null;
  /** A beat sent at `sentAtMs` (monotonic) for this epoch was acknowledged, with these commands. */
  acknowledged(epoch: number, sentAtMs: number, commands: readonly Command[]): void;
  /** The server does not know this host's token any more: only a new registration helps. */
  refused(epoch: number): void;
};

export type HeartbeatTerms = {
  readonly url: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
};

/** One heartbeat for all sessions of this host. */
export type Heart = {
  add(session: Beating): void;
  remove(session: Beating): void;
  /** A registration sent at `sentAtMs` (monotonic) was answered: beat there, so often, with this host token. */
  adopt(terms: HeartbeatTerms, hostToken: string, sentAtMs: number): void;
  renew(hostToken: string): void;
  readonly hostToken: () => string | null;
  /** Beats at once: something changed that the server waits for. */
  beatSoon(): void;
  stop(): void;
};

const RETRY = { baseMs: 250, capMs: 5_000 };
/** Part of an interval to the first beat: the registration's interval is a busy host's, and this one has room. */
const FIRST_BEAT_SHARE = 0.1;
/** Beats under way at once: a slow one must not hold up the next, but a dead server is not flooded. */
const IN_FLIGHT_LIMIT = 4;

export type HeartParts = {
  readonly host: string;
  readonly boot: string;
  readonly api: AgentApi;
  readonly log: WorkerLog;
  /** Whether beating keeps the process alive. */
  readonly ref: boolean;
};

/** What one beat carries: the sessions that were registered when it was sent. */
type Reports = readonly { readonly session: Beating; readonly beat: SessionBeat }[];

export function createHeart({ host, boot, api, log, ref }: HeartParts): Heart {
  const sessions = new Set<Beating>();
  const pulse = createPulse(() => void beat(), ref);
  let terms: HeartbeatTerms | null = null;
  let token: string | null = null;
  let intervalMs = 0;
  let seq = 0;
  let answeredSeq = 0;
  let inFlight = 0;
  let failures = 0;

  async function beat(): Promise<void> {
    const sentAtMs = monotonicMs();
    const plannedMs = sentAtMs + intervalMs;
    pulse.at(plannedMs);
    const reports = describe(sessions);
    if (terms === null || token === null || reports.length === 0 || inFlight >= IN_FLIGHT_LIMIT) return;
    seq += 1;
    inFlight += 1;
    const thisSeq = seq;
    try {
      const body = { host, boot, seq, sessions: reports.map((report) => report.beat) };
      // After 80% of the timeout an answer renews nothing any more.
      const answer = await api.beat(terms.url, token, body, 0.8 * terms.timeoutMs);
      if (failures > 0) log("heartbeat answered again", { failures });
      failures = 0;
      intervalMs = answer.intervalMs;
      // Unless something asked for an earlier beat meanwhile, the next is as far off as the answer says.
      if (pulse.nextAtMs() === plannedMs) pulse.at(sentAtMs + intervalMs);
      // An answer that was overtaken still proves the lease, but its commands are out of date.
      const newest = thisSeq > answeredSeq;
      answeredSeq = Math.max(answeredSeq, thisSeq);
      acknowledge(reports, sentAtMs, newest ? answer.sessions : []);
    } catch (error) {
      fail(error, reports);
    } finally {
      inFlight -= 1;
    }
  }

  function fail(error: unknown, reports: Reports): void {
    failures += 1;
    if (failures === 1 || failures % 10 === 0) log("heartbeat failed", { failures, why: messageOf(error) });
    if (error instanceof ApiError && !isTransient(error))
      for (const report of reports) report.session.refused(report.beat.epoch);
    pulse.atOrBefore(monotonicMs() + 100 + jitteredDelayMs(RETRY, failures - 1, Math.random));
  }

  return {
    add: (session) => void sessions.add(session),
    remove: (session) => void sessions.delete(session),
    adopt(newTerms, hostToken, sentAtMs) {
      token = hostToken;
      terms = newTerms;
      intervalMs = newTerms.intervalMs;
      // Counted from its sending, because the lease is: one that was answered late is soon due for renewal.
      pulse.atOrBefore(sentAtMs + (answeredSeq === 0 ? FIRST_BEAT_SHARE * intervalMs : intervalMs));
    },
    renew: (hostToken) => {
      token = hostToken;
    },
    hostToken: () => token,
    beatSoon: () => {
      pulse.at(monotonicMs());
    },
    stop: pulse.stop,
  };
}

function describe(sessions: Iterable<Beating>): Reports {
  return [...sessions].flatMap((session) => {
    const beat = session.describe();
    return beat === null ? [] : [{ session, beat }];
  });
}

function acknowledge(reports: Reports, sentAtMs: number, answered: HeartbeatAnswer["sessions"]): void {
  const commands = new Map(answered.map((entry) => [entry.id, entry.commands]));
  for (const { session, beat } of reports)
    session.acknowledged(beat.epoch, sentAtMs, commands.get(session.id) ?? []);
}
