import { setImmediate as turn } from "node:timers/promises";
import type { SessionRecord } from "../../shared/contract/records.ts";
import { newSubmissions, newTask } from "../../shared/domain/new-task.ts";
import { register } from "../../shared/domain/session-transitions.ts";
import type { SessionClaims } from "../../shared/domain/tokens.ts";
import type { Ports } from "../../shared/ports/ports.ts";

export type SessionSeed = {
  readonly id: string;
  readonly capacity: number;
  readonly capabilities?: readonly string[];
};

const HOST_SESSIONS = 100;
/** After so many, signals are heard: a record in memory would fill itself up without ever waiting. */
const BATCH = 1_000;

/** Puts live sessions into the record and nowhere else: the sweep's repair tells Redis of them. */
export async function seedSessions(
  { record, clock }: Ports,
  fleet: string,
  seeds: readonly SessionSeed[],
): Promise<SessionRecord[]> {
  const sessions: SessionRecord[] = [];
  for (const [place, { id, capacity, capabilities = [] }] of seeds.entries()) {
    if (place % BATCH === 0) await turn();
    const host = `${fleet}-host-${Math.floor(place / HOST_SESSIONS)}`;
    const request = { id, host, boot: "boot", agent: "bench", capacity, capabilities: [...capabilities] };
    const session = await record.sessions.commit(
      null,
      register(null, { fleet, id, request, keyId: "key_bench", registration: null }, clock.nowMs()),
    );
    if (!session) throw new Error(`Session ${id} exists already; seed each fleet once.`);
    sessions.push(session);
  }
  return sessions;
}

/** Puts ready tasks into the record and nowhere else. */
export async function seedTasks(
  { record, clock }: Ports,
  fleet: string,
  ids: readonly string[],
  requires: readonly string[],
): Promise<void> {
  const nowMs = clock.nowMs();
  for (let from = 0; from < ids.length; from += BATCH) {
    await turn();
    const wanted = ids
      .slice(from, from + BATCH)
      .map((id) => ({ id, type: "bench", data: {}, requires: [...requires] }));
    const submissions = newSubmissions(fleet, wanted, nowMs);
    for (const submission of submissions) await record.submissions.add(submission);
    const places = new Map(
      submissions.flatMap(({ id, members }) =>
        members.map((member, index) => [member, { id, index }] as const),
      ),
    );
    for (const task of wanted) {
      const place = places.get(task.id);
      if (!place) throw new Error(`Task ${task.id} was filed nowhere.`);
      await record.tasks.commit(null, newTask(fleet, task, { at: "inline", json: "{}" }, place, nowMs));
    }
  }
}

/** What this session's token would say. */
export function claimsOf({ fleet, host, boot, id, epoch, keyId }: SessionRecord): SessionClaims {
  return {
    kind: "session",
    fleet,
    host,
    boot,
    keyId,
    keyExpiresMs: null,
    profile: "standard",
    expiresMs: Number.MAX_SAFE_INTEGER,
    session: id,
    epoch,
  };
}
