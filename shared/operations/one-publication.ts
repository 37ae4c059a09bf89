import type { Ports } from "../ports/ports.ts";
import type { Registry } from "../ports/registry.ts";
import { StoreUnavailable } from "../ports/unavailable.ts";

type Publication = Parameters<Registry["publish"]>;

/**
 * Runs something that changes a session several times, and publishes it once, as it is in the end: most often it has as
 * much room as before. The record has every change before, so whoever is killed in between leaves Redis behind as it
 * would be after any other commit, and the repair finds that.
 */
export async function withOnePublication<T>(ports: Ports, run: (ports: Ports) => Promise<T>): Promise<T> {
  const latest = new Map<string, Publication>();
  const publish: Registry["publish"] = async (...publication) => {
    const [fleet, session, { rev }] = publication;
    const key = `${fleet}#${session}`;
    if (rev >= (latest.get(key)?.[2].rev ?? 0)) latest.set(key, publication);
  };
  try {
    return await run({ ...ports, registry: publishingBy(publish, ports.registry) });
  } finally {
    for (const publication of latest.values()) await publishLatest(ports, publication);
  }
}

/** Passes each call on by its name: a copy of a registry loses what it inherits, and methods that use `this`. */
function publishingBy(publish: Registry["publish"], registry: Registry): Registry {
  return {
    publish,
    inboxes: registry.inboxes,
    beat: (...call) => registry.beat(...call),
    deadlines: (...call) => registry.deadlines(...call),
    extend: (...call) => registry.extend(...call),
    overdue: (...call) => registry.overdue(...call),
    count: () => registry.count(),
    forget: (...call) => registry.forget(...call),
    report: (...call) => registry.report(...call),
    reported: (...call) => registry.reported(...call),
    keepSignals: (...call) => registry.keepSignals(...call),
    signals: (...call) => registry.signals(...call),
    desired: (...call) => registry.desired(...call),
    candidates: (...call) => registry.candidates(...call),
  };
}

async function publishLatest({ registry, log }: Ports, publication: Publication): Promise<void> {
  try {
    await registry.publish(...publication);
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    const [fleet, session, { rev }] = publication;
    log.warn("desired state not published; the repair will", { fleet, session, rev });
  }
}
