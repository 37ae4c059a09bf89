import { type BadCase, agent, host, operate, rivalAdmin, submit, worker } from "./bad-case.ts";

const path = "/v1/sessions/worker/signals";
const read = (name: string, query: string, code: BadCase["code"]): BadCase => ({
  ...{ name: `signals: ${name}`, method: "GET", path: path + query },
  ...{ as: operate, code },
});

/** Histories of signals that nobody may read, that there are not, or that are asked for in words that mean nothing. */
export const BAD_SIGNALS: readonly BadCase[] = [
  ...[agent, submit, worker, host].map((as, i): BadCase => ({
    ...{ name: `signals read by who may not, ${i}`, method: "GET", path },
    ...{ as, code: "scope.insufficient" },
  })),
  { name: "signals read by nobody", method: "GET", path, as: undefined, code: "auth.missing" },
  {
    ...{ name: "signals of our session, read by a rival", method: "GET", path },
    ...{ as: rivalAdmin, code: "session.not_found" },
  },
  {
    ...{ name: "signals of an unknown session", method: "GET", path: "/v1/sessions/none/signals?from=x" },
    ...{ as: operate, code: "session.not_found" },
  },
  read("no time", "?from=yesterday", "request.invalid"),
  read("a time without a zone", "?to=2026-01-01T00:00:00", "request.invalid"),
  read("milliseconds", "?from=1767225600000", "request.invalid"),
  read("a cursor of nowhere", "?cursor=x", "cursor.invalid"),
];
