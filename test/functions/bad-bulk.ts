import {
  LABEL_CHARACTERS_LIMIT,
  RETENTION_MS_LIMIT,
  RETENTION_MS_MINIMUM,
  TEXT_CHARACTERS_LIMIT,
} from "../../shared/contract/limits.ts";
import { type BadCase, agent, host, operate, root, submit, worker } from "./bad-case.ts";

const CANCEL = "/v1/tasks/cancel";
const REDRIVE = "/v1/dead-letters/redrive";
const LETTERS = "/v1/dead-letters";
const RETENTION = "/v1/retention";
const DRAIN = "/v1/hosts/h1/drain";

const misfit = (path: string, name: string, body: unknown): BadCase => ({
  name: `${path}: ${name}`,
  path,
  as: operate,
  body: () => body,
  code: "request.invalid",
});
const lettersBy = (name: string, query: string, code: BadCase["code"]): BadCase => ({
  name: `dead letters by ${name}`,
  method: "GET",
  path: `${LETTERS}?${query}`,
  as: submit,
  code,
});

/** Actions over many tasks and sessions that nobody may take, or that mean nothing. */
export const BAD_BULK: readonly BadCase[] = [
  ...[CANCEL, REDRIVE].flatMap((path): BadCase[] => [
    {
      name: `${path} by an agent`,
      path,
      as: agent,
      body: () => ({ group: "g" }),
      code: "scope.insufficient",
    },
    {
      name: `${path} by a session`,
      path,
      as: worker,
      body: () => ({ group: "g" }),
      code: "scope.insufficient",
    },
    {
      name: `${path} by the root key`,
      path,
      as: root,
      body: () => ({ group: "g" }),
      code: "scope.insufficient",
    },
    { name: `${path} by nobody`, path, as: undefined, body: () => ({ group: "g" }), code: "auth.missing" },
    { name: `${path} without a body`, path, as: submit, code: "content_type.unsupported" },
    misfit(path, "no word", { group: "a b" }),
    misfit(path, "a word too long", { group: "g".repeat(LABEL_CHARACTERS_LIMIT + 1) }),
    misfit(path, "a field it does not have", { group: "g", state: "queued" }),
    misfit(path, "a list", [{ group: "g" }]),
    misfit(path, "a number for a cursor", { group: "g", cursor: 1 }),
    { ...misfit(path, "a cursor that was made up", { group: "g", cursor: "x" }), code: "cursor.invalid" },
  ]),
  misfit(CANCEL, "nothing named", {}),
  misfit(CANCEL, "a reason too long", { group: "g", reason: "x".repeat(TEXT_CHARACTERS_LIMIT + 1) }),
  misfit(REDRIVE, "an empty type", { type: "" }),
  { name: "dead letters by an agent", method: "GET", path: LETTERS, as: agent, code: "scope.insufficient" },
  { name: "dead letters by a host", method: "GET", path: LETTERS, as: host, code: "scope.insufficient" },
  lettersBy("no word", "group=a%20b", "request.invalid"),
  lettersBy("an empty type", "type=", "request.invalid"),
  lettersBy("a cursor that was made up", "cursor=x", "cursor.invalid"),
  {
    name: "retention by a submitter",
    path: RETENTION,
    as: submit,
    body: () => ({}),
    code: "scope.insufficient",
  },
  {
    name: "retention by a session",
    path: RETENTION,
    as: worker,
    body: () => ({}),
    code: "scope.insufficient",
  },
  {
    name: "retention read by an agent",
    method: "GET",
    path: RETENTION,
    as: agent,
    code: "scope.insufficient",
  },
  misfit(RETENTION, "nothing said", {}),
  misfit(RETENTION, "a text", { retentionMs: "30d" }),
  misfit(RETENTION, "half a millisecond", { retentionMs: RETENTION_MS_MINIMUM + 0.5 }),
  misfit(RETENTION, "one less than allowed", { retentionMs: RETENTION_MS_MINIMUM - 1 }),
  misfit(RETENTION, "one more than allowed", { retentionMs: RETENTION_MS_LIMIT + 1 }),
  { ...misfit("/v1/fleets", "too short a retention", { id: "brief", retentionMs: 1 }), as: root },
  { name: "a host drained by a submitter", path: DRAIN, as: submit, code: "scope.insufficient" },
  { name: "a host drained by itself", path: DRAIN, as: host, code: "scope.insufficient" },
  ...["none", "h9", "{id}", "%23HEAD", "x".repeat(65)].map((id): BadCase => ({
    name: `a host called ${id.slice(0, 20)}, drained`,
    path: `/v1/hosts/${id}/drain`,
    as: operate,
    code: "host.not_found",
  })),
];
