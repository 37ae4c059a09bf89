import { type Refusal, refuse } from "../contract/errors.ts";
import type { SessionRecord } from "../contract/records.ts";
import { type Session } from "../contract/session.ts";
import { Activity } from "../contract/session-state.ts";
import { beatingOf } from "../domain/experiments/session-tuning.ts";
import { isAlive } from "../domain/session-transitions.ts";
import { sessionView } from "../domain/views.ts";
import type { Ports } from "../ports/ports.ts";
import { fleetOf } from "./fleet-of.ts";

/** Sessions as answers show them: their records, with what their last beats said. */
export async function viewSessions(
  ports: Ports,
  fleet: string,
  sessions: readonly SessionRecord[],
): Promise<Session[]> {
  if (sessions.length === 0) return [];
  const settings = await fleetOf(ports, fleet);
  const reports = await ports.registry.reported(
    fleet,
    sessions.map(({ id }) => id),
  );
  const deadlines = await ports.registry.deadlines(
    sessions.map(({ id, host, epoch }) => ({ fleet, host, session: id, epoch })),
  );
  return sessions.map((session, i) => {
    const report = reports[i];
    const deadlineMs = deadlines[i] ?? null;
    const { timeoutMs } = beatingOf(session, settings);
    const activity =
      isAlive(session) && report?.epoch === session.epoch
        ? Activity.safeParse(report.activity).data
        : undefined;
    return sessionView(session, {
      activity: activity ?? null,
      lastBeatAtMs: isAlive(session) && deadlineMs !== null ? deadlineMs - timeoutMs : null,
    });
  });
}

export async function viewSession(ports: Ports, session: SessionRecord): Promise<Session> {
  const [view] = await viewSessions(ports, session.fleet, [session]);
  if (!view) throw new Error("viewSessions answers one view per session");
  return view;
}

/** One session by its id. */
export async function getSession(
  ports: Ports,
  fleet: string,
  id: string,
): Promise<{ session: Session } | Refusal> {
  const session = await ports.record.sessions.get(fleet, id);
  return session
    ? { session: await viewSession(ports, session) }
    : refuse("session.not_found", `There is no session ${id} in this fleet.`);
}
