import { CONCURRENCY_LIMIT, LABEL_CHARACTERS_LIMIT } from "../../shared/contract/limits.ts";
import { type BadCase, agent, host, operate, submit, worker } from "./bad-case.ts";

const misfit = (path: string, name: string, body: unknown): BadCase => ({
  name: `${path}: ${name}`,
  path,
  as: operate,
  body: () => body,
  code: "request.invalid",
});

/** Pauses and limits that nobody may set, or that mean nothing. */
export const BAD_RULES: readonly BadCase[] = [
  ...["/v1/pause", "/v1/resume", "/v1/limits"].flatMap((path): BadCase[] => [
    { name: `${path} by a submitter`, path, as: submit, body: () => ({}), code: "scope.insufficient" },
    { name: `${path} by an agent`, path, as: agent, body: () => ({}), code: "scope.insufficient" },
    { name: `${path} by a session`, path, as: worker, body: () => ({}), code: "scope.insufficient" },
    { name: `${path} by nobody`, path, as: undefined, body: () => ({}), code: "auth.missing" },
  ]),
  { name: "rules by a host", method: "GET", path: "/v1/rules", as: host, code: "scope.insufficient" },
  misfit("/v1/pause", "two things at once", { group: "g", type: "t" }),
  misfit("/v1/pause", "a field it does not have", { queue: "q" }),
  misfit("/v1/pause", "no word", { type: "a b" }),
  misfit("/v1/pause", "an empty word", { key: "" }),
  misfit("/v1/pause", "a word too long", { group: "g".repeat(LABEL_CHARACTERS_LIMIT + 1) }),
  misfit("/v1/pause", "a list", ["t"]),
  misfit("/v1/resume", "a number", { key: 7 }),
  misfit("/v1/limits", "nothing limited", { limit: 1 }),
  misfit("/v1/limits", "two things limited", { type: "t", key: "k", limit: 1 }),
  misfit("/v1/limits", "no limit", { type: "t" }),
  misfit("/v1/limits", "nothing at all at once", { type: "t", limit: 0 }),
  misfit("/v1/limits", "less than nothing", { type: "t", limit: -1 }),
  misfit("/v1/limits", "half a task", { type: "t", limit: 1.5 }),
  misfit("/v1/limits", "one more than allowed", { type: "t", limit: CONCURRENCY_LIMIT + 1 }),
  misfit("/v1/limits", "a name that every object has", { type: "toString", limit: 1 }),
];
