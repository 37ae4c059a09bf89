import { CHECKPOINT_BYTES_LIMIT } from "../../shared/contract/limits.ts";
import {
  type BadCase,
  type Scene,
  PAYLOAD_MARKER,
  admin,
  agent,
  host,
  operate,
  rivalAdmin,
  root,
  submit,
  worker,
} from "./bad-case.ts";

const path = "/v1/sessions/worker/checkpoints";
const latest = `${path}/latest`;
const resume = "/v1/sessions/worker/resume";
const state = { note: PAYLOAD_MARKER };

const write = (name: string, code: BadCase["code"], body: BadCase["body"]): BadCase => ({
  ...{ name: `a checkpoint ${name}`, path, as: worker, body, code },
});
const ofTask = (taskId: string, fence: (scene: Scene) => number) => (scene: Scene) => ({
  ...{ trigger: "interval", state, taskId, fence: fence(scene) },
});
const read = (name: string, at: string, as: BadCase["as"], code: BadCase["code"]): BadCase => ({
  ...{ name: `${at}, read ${name}`, method: "GET", path: at, as, code },
});

/**
 * A number that is longer as JSON is written here than as it was sent: the only way past the state's limit within the
 * body's.
 */
const LONG_NUMBERS = `{"trigger":"interval","state":[${Array(CHECKPOINT_BYTES_LIMIT / 20)
  .fill("1e20")
  .join(",")}]}`;

/** Checkpoints that are none, of what is not the session's, or read by whom they are no business of. */
export const BAD_CHECKPOINTS: readonly BadCase[] = [
  ...[admin, agent, submit, operate, host, root].map((as, i): BadCase => ({
    ...{ name: `a checkpoint by who may not write one, ${i}`, path, as },
    ...{ body: () => ({ trigger: "interval", state }), code: "scope.insufficient" },
  })),
  { name: "a checkpoint by nobody", path, as: undefined, body: "{}", code: "auth.missing" },
  {
    ...{ name: "a checkpoint of another session", path: "/v1/sessions/neighbour/checkpoints", as: worker },
    ...{ body: "{", code: "session.forbidden" },
  },
  write("that is no JSON", "body.not_json", "{"),
  write("without a trigger", "request.invalid", () => ({ state })),
  write("for no reason", "request.invalid", () => ({ trigger: "", state })),
  write("with more than there is", "request.invalid", () => ({ trigger: "interval", state, sequence: 9 })),
  write("with signals that are none", "request.invalid", () => ({
    trigger: "interval",
    state,
    signals: [1],
  })),
  write("of a task without its fence", "request.invalid", () => ({
    ...{ trigger: "interval", state, taskId: "running" },
  })),
  write("with a fence of no task", "request.invalid", () => ({ trigger: "interval", state, fence: 1 })),
  write(
    "of no fence at all",
    "request.invalid",
    ofTask("running", () => -1),
  ),
  write("that is too large as we write it", "checkpoint.too_large", LONG_NUMBERS),
  write(
    "of an unknown task",
    "task.not_found",
    ofTask("none", () => 1),
  ),
  write(
    "of a rival's task",
    "task.not_found",
    ofTask("rival-task", ({ cast }) => cast.fences.rival),
  ),
  write("of an unknown task without its fence", "task.not_found", () => ({
    ...{ trigger: "interval", state, taskId: "none" },
  })),
  write(
    "of a later tenure",
    "lease.stale",
    ofTask("running", ({ cast }) => cast.fences.running + 1),
  ),
  write(
    "of another's task",
    "lease.stale",
    ofTask("remote", ({ cast }) => cast.fences.remote),
  ),
  write(
    "of a task that waits",
    "lease.stale",
    ofTask("queued", () => 1),
  ),
  write(
    "of a task that has ended",
    "lease.stale",
    ofTask("completed", ({ cast }) => cast.fences.completed),
  ),
  {
    ...{ name: "a checkpoint of an older start", path: "/v1/sessions/restarted/checkpoints" },
    as: ({ cast }) => cast.stale.token,
    ...{ body: () => ({ trigger: "interval", state }), code: "session.superseded" },
  },
  {
    ...{ name: "a checkpoint of a session that has ended", path: "/v1/sessions/ended/checkpoints" },
    as: ({ cast }) => cast.ended.token,
    ...{ body: () => ({ trigger: "interval", state }), code: "session.superseded" },
  },
  ...[latest, resume].flatMap((at): BadCase[] => [
    ...[agent, submit, host, root].map((as, i) => read(`by who may not, ${i}`, at, as, "scope.insufficient")),
    read("by nobody", at, undefined, "auth.missing"),
    read("by a rival", at, rivalAdmin, "session.not_found"),
    read("by another session", at.replace("worker", "neighbour"), worker, "session.forbidden"),
    read("of no session", at.replace("worker", "none"), operate, "session.not_found"),
    read(
      "by an older start",
      at.replace("worker", "restarted"),
      ({ cast }) => cast.stale.token,
      "session.superseded",
    ),
  ]),
  read("before there is one", latest, worker, "checkpoint.not_found"),
  read("of a task that has none", `${latest}?taskId=running`, worker, "checkpoint.not_found"),
  read("of another's task", `${latest}?taskId=remote`, worker, "checkpoint.not_found"),
  read("of a task that cannot be", `${latest}?taskId=a%23b`, worker, "request.invalid"),
];
