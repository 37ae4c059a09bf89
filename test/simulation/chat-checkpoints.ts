import type { Network } from "./network.ts";
import type { Random } from "./random.ts";
import type { SessionToken } from "./requests.ts";
import type { Witness } from "./witness.ts";

export type KeeperParts = {
  readonly id: string;
  readonly fleet: string;
  readonly epoch: number;
  readonly random: Random;
  readonly network: Network;
  readonly witness: Witness;
  readonly token: () => SessionToken;
};

const KEEPS_SHARE = 0.3;
const READS_SHARE = 0.2;
const OF_TASK_SHARE = 0.7;

/** Keeps checkpoints of a session, now and then with the task that it works on, and reads its latest. */
export function createKeeper({ id, fleet, epoch, random, network, witness, token }: KeeperParts) {
  const at = { fleet, session: id };
  let made = 0;

  async function keep(work: { readonly id: string; readonly fence: number }): Promise<void> {
    const state = `${id}.${epoch}.${++made}`;
    const task = random.chance(OF_TASK_SHARE) ? { id: work.id, fence: work.fence } : null;
    const body = { trigger: "interval", state, ...(task && { taskId: task.id, fence: task.fence }) };
    const outcome = await network.send("checkpoint", { by: token(), id, body });
    if (outcome.kind === "answered")
      witness.checkpoints.acknowledged(at, outcome.value.sequence, state, task);
  }

  async function read(): Promise<void> {
    const askedAt = witness.checkpoints.now();
    const outcome = await network.send("latest", { by: token(), id, body: undefined });
    if (outcome.kind === "answered") witness.checkpoints.read(at, outcome.value.checkpoint, askedAt);
    else if (outcome.kind === "refused" && outcome.refusal.refused === "checkpoint.not_found")
      witness.checkpoints.read(at, null, askedAt);
  }

  return {
    /** What it may do between two steps of its work. */
    async pause(work: { readonly id: string; readonly fence: number }): Promise<void> {
      if (random.chance(KEEPS_SHARE)) await keep(work);
      if (random.chance(READS_SHARE)) await read();
    },
  };
}
