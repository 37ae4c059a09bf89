import { type RegisterAnswer, RegisterAnswer as Registered } from "../../shared/contract/session.ts";
import { SESSIONS_PER_HOST, TASKS_PER_SUBMISSION } from "./load.ts";
import type { Invoked, Measured } from "./measured.ts";
import type { MeteredCloud } from "./metered-cloud.ts";
import { eachOf, invokedBy } from "./each-of.ts";
import { measureTasks } from "./per-task.ts";

const BEATS = 20;
const SESSIONS = 4;
/** Tasks are counted at the pace at which they come, because some things are asked once in five seconds: but not for ever. */
const TASKS_FAST = 40;
const TASKS_SLOW = 20;
const PACE_MS_LIMIT = 2_500;

/** A steady beat of a host with ten sessions. */
export async function measureBeat(
  cloud: Pick<MeteredCloud, "ask" | "adminKey" | "take">,
): Promise<Measured["beat"]> {
  const registered: RegisterAnswer[] = [];
  for (let i = 0; i < SESSIONS_PER_HOST; i++)
    registered.push(
      Registered.parse(
        await cloud.ask("POST", "/v1/sessions", cloud.adminKey, {
          id: `steady-${i + 1}`, // As `shim worker` names them.
          host: "steady",
          boot: "boot1",
          agent: "cost",
        }),
      ),
    );
  const hostToken = registered.at(-1)?.hostToken ?? "";
  const sessions = registered.map(({ session: { id, epoch } }) => ({
    id,
    epoch,
    activity: "idle",
    tasks: [],
  }));
  const beat = (seq: number) =>
    cloud.ask("POST", "/v1/heartbeat", hostToken, { host: "steady", boot: "boot1", seq, sessions });
  await beat(1); // Says something new: what the sessions do.
  await cloud.take();
  for (let seq = 2; seq < 2 + BEATS; seq++) await beat(seq);
  return eachOf(await cloud.take(), BEATS);
}

/** A task among many that come at this pace. */
export async function measureTask(cloud: MeteredCloud, tasksPerDay: number): Promise<Measured["task"]> {
  const perSecond = tasksPerDay / 86_400;
  const tasks = perSecond >= 1 ? TASKS_FAST : TASKS_SLOW;
  const paceMs = Math.min(PACE_MS_LIMIT, 1_000 / perSecond);
  const load = { tasks, perSubmission: TASKS_PER_SUBMISSION, sessions: SESSIONS, paceMs };
  let bytes = { logBytes: 0, answerBytes: 0 };
  let invoked: Invoked = {};
  const take = async () => {
    const taken = await cloud.take();
    bytes = { logBytes: taken.logBytes / tasks, answerBytes: taken.answerBytes / tasks };
    invoked = invokedBy(taken.use.invocations, tasks);
    return taken.use;
  };
  const each = await measureTasks(cloud.ask, cloud.adminKey, { take }, load);
  return { ...each, ...bytes, invoked };
}
