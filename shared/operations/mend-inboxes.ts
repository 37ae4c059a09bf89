import { sessionLog } from "../contract/message.ts";
import type { SessionRecord } from "../contract/records.ts";
import { isAlive } from "../domain/session-transitions.ts";
import { logsOf } from "../domain/inbox.ts";
import type { InboxHint } from "../ports/inbox-hints.ts";
import type { Ports } from "../ports/ports.ts";
import { placeReading } from "./place-reading.ts";

/**
 * Compares what Redis knows of the messages of a fleet's sessions with the record, and mends Redis: what it lost, and
 * what a killed function did not say. What a session has acknowledged is compared only where Redis knows nothing of a
 * log that it reads, for it may have had other topics before: what is merely behind has the session look, which mends it.
 */
export async function mendInboxes(
  ports: Ports,
  fleet: string,
  sessions: readonly SessionRecord[],
): Promise<void> {
  const alive = sessions.filter(isAlive);
  if (alive.length === 0) return;
  const { inboxes } = ports.registry;
  const hints = await inboxes.read(
    fleet,
    alive.map(({ id }) => id),
  );
  const own = new Map(alive.map(({ id }, i) => [sessionLog(id), { id, number: hints[i]?.own?.rev ?? 0 }]));
  const shared = hints[0]?.shared ?? {};
  const nowMs = ports.clock.nowMs();
  const logs = [...new Set(alive.flatMap(logsOf))];
  for (const { log, rev, expiresAtMs } of await ports.record.messages.newest(fleet, logs)) {
    const known = own.get(log);
    if (expiresAtMs <= nowMs || rev <= (known?.number ?? shared[log]?.[0] ?? 0)) continue;
    if (known) await inboxes.deliver(fleet, known.id, { rev, expiresAtMs, recent: [] });
    else await inboxes.announce(fleet, log, { number: rev, expiresAtMs }, nowMs);
  }
  const isLost = (session: SessionRecord, known: InboxHint | undefined) =>
    logsOf(session).some((log) => known?.reading?.positions[log] === undefined);
  const lost = new Map(
    alive.filter((session, i) => isLost(session, hints[i])).map((session) => [session.id, session]),
  );
  for (const inbox of await ports.record.inboxes.getMany(fleet, [...lost.keys()])) {
    const session = lost.get(inbox.session);
    if (session) await placeReading(ports, session, inbox);
  }
}
