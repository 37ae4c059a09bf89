import type { FleetRecord, SessionRecord } from "../contract/records.ts";
import { beatingOf } from "../domain/experiments/session-tuning.ts";
import type { Ports } from "../ports/ports.ts";
import type { Registry } from "../ports/registry.ts";
import { apart } from "./apart.ts";
import { endRecovery, returnWork } from "./recover-session.ts";
import { sideBySide } from "./side-by-side.ts";

/** Sessions given up in one tick: a network that is away silences a thousand together. */
export const SILENT_PAGE = 1_000;
/** Each half of it ends after this, for what else is due may wait 4 s at most. Milliseconds. */
const BUDGET_MS = 1_000;
/** Who has no work any more, and was not come to, makes room for who still has some. Milliseconds. */
const MAKES_ROOM_MS = 5_000;

/**
 * Gives up who has gone silent, a few at a time. A session that cannot be recovered harms no other, and is tried again.
 * First everybody's work returns; telling who listens comes after that, because all ends of sessions go to one log, where
 * each must wait for the others.
 *
 * @returns whether there was time for all
 */
export async function giveUpSilent(
  ports: Ports,
  fleets: readonly FleetRecord[],
  silent: Awaited<ReturnType<Registry["overdue"]>>,
): Promise<boolean> {
  const settings = new Map(fleets.map((fleet) => [fleet.fleet, fleet]));
  const returned: SessionRecord[] = [];
  const unreached = await inTime(ports, silent, async (overdue) => {
    const giving = (session: SessionRecord) => {
      const { timeoutMs } = beatingOf(session, settings.get(overdue.fleet) ?? { profile: "standard" });
      return {
        endsAs: "crashed",
        cause: `No heartbeat for ${timeoutMs} ms.`,
        lastBeatAtMs: overdue.deadlineMs - timeoutMs,
        endedBy: "timeout",
      } as const;
    };
    const { fleet, session: id, epoch } = overdue;
    await apart(ports, { fleet, session: id }, async () => {
      // Giving up those before it took a while, and after an outage of the network all come back at once.
      const [deadlineMs = null] = await ports.registry.deadlines([overdue]);
      if (deadlineMs === null || deadlineMs > ports.clock.nowMs()) return;
      const session = await returnWork(ports, fleet, id, epoch, giving);
      if (session) returned.push(session);
      else await ports.registry.forget([overdue]);
    });
  });
  const untold = await inTime(ports, returned, (session) =>
    apart(ports, { fleet: session.fleet, session: session.id }, () => endRecovery(ports, session)),
  );
  if (untold.length > 0)
    await ports.registry.extend(
      untold.map(({ fleet, host, id, epoch }) => ({ fleet, host, session: id, epoch: epoch - 1 })),
      ports.clock.nowMs() + MAKES_ROOM_MS,
    );
  return silent.length < SILENT_PAGE && unreached.length === 0 && untold.length === 0;
}

/** Does the same with many things until the time is up, and returns those that it did not come to. */
async function inTime<T>(
  { clock }: Ports,
  things: readonly T[],
  act: (thing: T) => Promise<void>,
): Promise<T[]> {
  const untilMs = clock.nowMs() + BUDGET_MS;
  const left: T[] = [];
  await sideBySide(things, async (thing) => {
    if (clock.nowMs() < untilMs) await act(thing);
    else left.push(thing);
  });
  return left;
}
