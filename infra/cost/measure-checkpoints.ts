import { randomBytes } from "node:crypto";
import { CHECKPOINTS_KEPT } from "../../shared/contract/limits.ts";
import { ClaimAnswer, RegisterAnswer } from "../../shared/contract/session.ts";
import { CHECKPOINT_BYTES } from "./load.ts";
import { eachOf } from "./each-of.ts";
import type { Measured } from "./measured.ts";
import type { MeteredCloud } from "./metered-cloud.ts";

const CHECKPOINTS = 10;
/** By then the first ones are old enough to be let go of. */
const LATER_MS = 180_000;

/** What stays of a size of its own when it is compressed: of random bytes, a byte each. */
const stateOf = (bytes: number) => ({ conversation: { context: randomBytes(bytes).toString("base64") } });

/**
 * A checkpoint of a session that has made many and works on a task: each lets go of one that is too old. Nothing else may run
 * meanwhile, and nobody may beat after it: the clock of this process is put forward.
 */
export async function measureCheckpoints(
  cloud: Pick<MeteredCloud, "ask" | "adminKey" | "take">,
): Promise<Measured["checkpoint"]> {
  const { ask, adminKey } = cloud;
  const who = { id: "checkpoints", host: "checkpoints", boot: "boot1", agent: "cost" };
  await ask("POST", "/v1/tasks", adminKey, { type: "work", data: null });
  const { token } = RegisterAnswer.parse(await ask("POST", "/v1/sessions", adminKey, who));
  const path = `/v1/sessions/${who.id}`;
  const [held] = ClaimAnswer.parse(await ask("POST", `${path}/claim`, token, {})).tasks;
  if (!held) throw new Error("A session was given no task: nothing can be told of its checkpoints.");
  const write = () =>
    ask("POST", `${path}/checkpoints`, token, {
      ...{ trigger: "interval", taskId: held.task.id, fence: held.fence },
      ...{ state: stateOf(CHECKPOINT_BYTES), signals: { contextUsed: 0.4, messages: 21 } },
    });
  // One more than are kept: the first of a task stays.
  for (let i = 0; i <= CHECKPOINTS_KEPT; i++) await write();
  const now = Date.now;
  Date.now = () => now() + LATER_MS;
  try {
    await cloud.take();
    for (let i = 0; i < CHECKPOINTS; i++) await write();
    const taken = await cloud.take();
    const s3Puts = taken.use.requests.filter((method) => method === "PUT").length;
    return { ...eachOf(taken, CHECKPOINTS), s3Puts: s3Puts / CHECKPOINTS };
  } finally {
    Date.now = now;
  }
}
