import { BODY_BYTES_LIMIT } from "../../shared/contract/limits.ts";
import type { BadCase, Scene } from "./bad-case.ts";
import { PAYLOAD_MARKER, admin, agent, host, operate, rivalAdmin, submit, worker } from "./bad-case.ts";
import { forge } from "./cast.ts";

const PATH = "/v1/sessions/worker/checkpoints";
const body = () => ({ trigger: "interval", state: { secret: PAYLOAD_MARKER } });
const running = (over: (scene: Scene) => object) => (scene: Scene) => ({ ...body(), ...over(scene) });
const write = { path: PATH, as: worker, body } as const;
const latest = { method: "GET", path: `${PATH}/latest`, as: worker } as const;
const resume = { method: "GET", path: "/v1/sessions/worker/resume", as: worker } as const;
const stale = ({ cast }: Scene) => cast.stale.token;

/** Numbers are longer as they are stored than as they may be written: a body within its limit may hold a state that is not. */
const growing = () => {
  const numbers = "1e20,".repeat(300_000);
  return `{"trigger":"interval","state":[${numbers}1]}`;
};

/** Checkpoints that may not be written or read. */
export const BAD_CHECKPOINTS: readonly BadCase[] = [
  ...[write, latest, resume].flatMap((route): BadCase[] => [
    { name: `${route.path} without a token`, ...route, as: undefined, code: "auth.missing" },
    {
      name: `${route.path} with a token of another deployment`,
      ...route,
      as: ({ cloud, cast }) => forge(cloud, cast.worker.token),
      code: "auth.invalid",
    },
    { name: `${route.path} by a submitter`, ...route, as: submit, code: "scope.insufficient" },
    { name: `${route.path} by an agent's key`, ...route, as: agent, code: "scope.insufficient" },
    { name: `${route.path} by a host`, ...route, as: host, code: "scope.insufficient" },
    {
      name: `${route.path} by another session`,
      ...route,
      as: ({ cast }) => cast.neighbour.token,
      code: "session.forbidden",
    },
  ]),
  { name: "an administrator's checkpoint", ...write, as: admin, code: "scope.insufficient" },
  ...["checkpoints/latest", "resume"].flatMap((part): BadCase[] => [
    {
      ...{ name: `${part} of an unknown session`, method: "GET", path: `/v1/sessions/none/${part}` },
      ...{ as: operate, code: "session.not_found" },
    },
    {
      ...{ name: `${part} of a rival's session`, method: "GET", path: `/v1/sessions/rival-worker/${part}` },
      ...{ as: operate, code: "session.not_found" },
    },
    {
      ...{ name: `${part} of ours for a rival`, method: "GET", path: `/v1/sessions/worker/${part}` },
      ...{ as: rivalAdmin, code: "session.not_found" },
    },
    {
      ...{ name: `${part} of a session called %23HEAD`, method: "GET", path: `/v1/sessions/%23HEAD/${part}` },
      ...{ as: operate, code: "session.not_found" },
    },
    {
      ...{ name: `${part} for an older start`, method: "GET", path: `/v1/sessions/restarted/${part}` },
      ...{ as: stale, code: "session.superseded" },
    },
  ]),
  { name: "no checkpoint", ...latest, code: "checkpoint.not_found" },
  { name: "no checkpoint, for an operator", ...latest, as: operate, code: "checkpoint.not_found" },
  {
    ...{ name: "another's task's checkpoint", ...latest, path: `${PATH}/latest?taskId=remote` },
    code: "checkpoint.not_found",
  },
  {
    ...{ name: "an unknown task's checkpoint", ...latest, path: `${PATH}/latest?taskId=none` },
    code: "checkpoint.not_found",
  },
  {
    ...{ name: "a checkpoint of a rival's task", ...latest, path: `${PATH}/latest?taskId=rival-task` },
    ...{ as: operate, code: "checkpoint.not_found" },
  },
  {
    ...{ name: "a checkpoint of no task", ...latest, path: `${PATH}/latest?taskId=a/b` },
    code: "request.invalid",
  },
  {
    ...{ name: "a checkpoint of an unknown task", ...write, code: "task.not_found" },
    body: running(() => ({ taskId: "none", fence: 1 })),
  },
  {
    ...{ name: "a checkpoint of a rival's task, written", ...write, code: "task.not_found" },
    body: running(({ cast }) => ({ taskId: "rival-task", fence: cast.fences.rival })),
  },
  { name: "half a checkpoint", ...write, body: '{"trigger":', code: "body.not_json" },
  { name: "a checkpoint without a trigger", ...write, body: () => ({ state: 1 }), code: "request.invalid" },
  {
    ...{ name: "a trigger of two words", ...write, code: "request.invalid" },
    body: running(() => ({ trigger: "two words" })),
  },
  {
    ...{ name: "a task without its fence", ...write, code: "request.invalid" },
    body: running(() => ({ taskId: "running" })),
  },
  {
    ...{ name: "a fence without its task", ...write, code: "request.invalid" },
    body: running(() => ({ fence: 1 })),
  },
  {
    ...{ name: "signals that are a list", ...write, code: "request.invalid" },
    body: running(() => ({ signals: [1] })),
  },
  {
    ...{ name: "an unknown field of a checkpoint", ...write, code: "request.invalid" },
    body: running(() => ({ sequence: 7 })),
  },
  {
    ...{ name: "a checkpoint over the limit of a body", ...write, code: "body.too_large" },
    body: () => ({ trigger: "interval", state: "x".repeat(BODY_BYTES_LIMIT) }),
  },
  { name: "a state over its own limit", ...write, body: growing(), code: "checkpoint.too_large" },
  {
    ...{ name: "a forged fence in a checkpoint", ...write, code: "lease.stale" },
    body: running(({ cast }) => ({ taskId: "running", fence: cast.fences.running + 1 })),
  },
  {
    ...{ name: "a checkpoint of another session's task", ...write, code: "lease.stale" },
    body: running(({ cast }) => ({ taskId: "remote", fence: cast.fences.remote })),
  },
  {
    ...{ name: "a checkpoint of a completed task", ...write, code: "lease.stale" },
    body: running(({ cast }) => ({ taskId: "completed", fence: cast.fences.completed })),
  },
  {
    ...{ name: "an older start's checkpoint", path: "/v1/sessions/restarted/checkpoints", as: stale, body },
    code: "session.superseded",
  },
  {
    ...{ name: "an ended session's checkpoint", path: "/v1/sessions/ended/checkpoints", body },
    ...{ as: ({ cast }) => cast.ended.token, code: "session.superseded" },
  },
];
