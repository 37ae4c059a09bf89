import type { Crash } from "./crash.ts";
import type { DemoCloud } from "./demo-cloud.ts";
import type { DemoHost } from "./demo-host.ts";
import { eventually } from "./eventually.ts";
import { injectFaults } from "./faults.ts";
import { createRandom } from "./random.ts";
import type { Story } from "./story.ts";
import type { View, Watch } from "./watch.ts";

export type SuperviseParts = {
  readonly cloud: DemoCloud;
  /** The hosts that run, by name; whoever kills one takes it out. */
  readonly hosts: Map<string, DemoHost>;
  readonly watch: Watch;
  /** Where attempts note themselves. */
  readonly attempts: string;
  readonly story: Story;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly start: (host: string) => DemoHost;
};

const LOOK_EVERY_MS = 500;

/** Watches and injects faults until every fault has struck, every crash was noticed and every task has ended. */
export async function superviseRun({ seed, start, ...parts }: SuperviseParts): Promise<void> {
  const { watch, hosts, story } = parts;
  const over = new AbortController();
  const signal = AbortSignal.any([parts.signal, over.signal]);
  const names = [...hosts.keys()];
  let faultsLeft = true;
  const faults = injectFaults({ ...parts, random: createRandom(seed), signal }).then(
    () => (faultsLeft = false),
  );
  const watching = eventually(
    signal,
    async () => {
      const view = await watch.look();
      for (const name of names.filter((each) => !hosts.has(each) && isGivenUp(each, view, watch.crashes))) {
        story(`Started ${name} again (pid ${start(name).pid}): a new boot under the old name`);
      }
      if (!view.tasks.every(({ endedAt }) => endedAt !== null)) return undefined;
      if (faultsLeft) throw new Error("Every task had ended before the last fault struck.");
      return watch.crashes.every(({ noticedAfterMs }) => noticedAfterMs !== undefined) || undefined;
    },
    LOOK_EVERY_MS,
  );
  try {
    await Promise.all([watching, faults]);
  } finally {
    over.abort();
    await Promise.allSettled([watching, faults]);
  }
}

/** Whether the control plane has taken back all that a host had, so that its name is free again. */
function isGivenUp(host: string, { sessions }: View, crashes: readonly Crash[]): boolean {
  const own = sessions.filter((session) => session.host === host);
  return (
    own.every(({ state }) => state === "crashed") &&
    crashes.every(
      ({ session, noticedAfterMs }) => noticedAfterMs !== undefined || own.every(({ id }) => id !== session),
    )
  );
}
