import { type Refusal, isRefusal } from "../contract/errors.ts";
import { EVENT_TOPICS, type EventTopic, topicLog } from "../contract/message.ts";
import type { EndedTask, FleetRecord, SessionRecord } from "../contract/records.ts";
import { hashOf } from "../domain/canonical-json.ts";
import { UNCHANGED, commit } from "../domain/decision.ts";
import type { Ports } from "../ports/ports.ts";
import { appendMessage } from "./append-message.ts";
import { changeOrCreate } from "./change.ts";

/** How long events are written for a session that subscribed, unless it is renewed. */
const LISTENING_MS = 24 * 3_600_000;
/** Renewed by registrations and by the repair once less is left. */
const RENEWAL_MS = 12 * 3_600_000;

/** The topics of these that events are announced on. */
function eventTopicsOf({ topics = [] }: Pick<SessionRecord, "topics">): EventTopic[] {
  return EVENT_TOPICS.filter((topic) => topics.includes(topic));
}

/**
 * Notes that a session listens to events, so that they are written from now on; a fleet in which nobody does pays for
 * none. It lapses by itself. Call it before the session is committed.
 */
export async function listenToEvents(
  ports: Ports,
  fleet: FleetRecord,
  session: Pick<SessionRecord, "topics">,
): Promise<Refusal | null> {
  const nowMs = ports.clock.nowMs();
  const lapsing = (current: FleetRecord) =>
    eventTopicsOf(session).filter((topic) => (current.eventTopics?.[topic] ?? 0) < nowMs + RENEWAL_MS);
  if (lapsing(fleet).length === 0) return null;
  const result = await changeOrCreate<FleetRecord>(
    () => ports.record.fleets.get(fleet.fleet),
    ports.record.fleets.commit,
    (current) => {
      const now = current ?? fleet;
      const renewed = lapsing(now).map((topic) => [topic, nowMs + LISTENING_MS] as const);
      if (renewed.length === 0) return UNCHANGED;
      return commit({ ...now, eventTopics: { ...now.eventTopics, ...Object.fromEntries(renewed) } });
    },
  );
  return isRefusal(result) ? result : null;
}

/**
 * Tells those who listen that a task has ended. Repeating it is the same message, for each end has its fence.
 *
 * @param fleet as it was read after that end: whoever listens by then is told
 */
export async function announceTaskEnd(ports: Ports, task: EndedTask, fleet: FleetRecord): Promise<void> {
  const { id: taskId, state, type, group, fence, attempt } = task;
  await announce(ports, fleet, `task.${state}`, [taskId, fence], { taskId, state, type, group, attempt });
}

/**
 * Tells those who listen that a session was given up, before it is forgotten that it must be told.
 *
 * @param fleet as it was read after that
 */
export async function announceSessionEnd(
  ports: Ports,
  session: SessionRecord,
  fleet: FleetRecord,
): Promise<void> {
  const { id: sessionId, epoch, cause } = session;
  const topic = session.endsAs === "ended" ? "session.ended" : "session.crashed";
  await announce(ports, fleet, topic, [sessionId, epoch], { sessionId, epoch: epoch - 1, cause });
}

async function announce(
  ports: Ports,
  { fleet, eventTopics }: FleetRecord,
  topic: EventTopic,
  key: readonly (string | number)[],
  body: object,
): Promise<void> {
  if ((eventTopics?.[topic] ?? 0) <= ports.clock.nowMs()) return;
  const sent = await appendMessage(ports, {
    fleet,
    log: topicLog(topic),
    id: `msg_${hashOf(fleet, topic, ...key)}`,
    from: "system",
    json: JSON.stringify(body),
    repeatable: true,
  });
  if (isRefusal(sent)) throw new Error(`The event ${topic} could not be written: ${sent.detail}`);
}
