import { type BadCase, admin, agent, host, operate, rivalAdmin, root, submit, worker } from "./bad-case.ts";

const path = "/v1/sessions/worker/exposures";
const body = () => ({ parameters: ["checkpointIntervalMs"] });
const tell = (name: string, code: BadCase["code"], said: BadCase["body"]): BadCase => ({
  ...{ name: `exposures ${name}`, path, as: worker, body: said, code },
});

/** Exposures that nobody may tell, or of what is no parameter. */
export const BAD_EXPOSURES: readonly BadCase[] = [
  ...[admin, agent, submit, operate, host, root, rivalAdmin].map((as, i): BadCase => ({
    ...{ name: `exposures by who may not tell any, ${i}`, path, as, body, code: "scope.insufficient" },
  })),
  { name: "exposures by nobody", path, as: undefined, body: "{}", code: "auth.missing" },
  {
    ...{ name: "exposures of another session", path: "/v1/sessions/neighbour/exposures", as: worker, body },
    code: "session.forbidden",
  },
  tell("that are no JSON", "body.not_json", "{"),
  tell("of nothing", "request.invalid", () => ({ parameters: [] })),
  tell("that are no list", "request.invalid", () => ({ parameters: "checkpointIntervalMs" })),
  tell("of no parameter", "request.invalid", () => ({ parameters: ["capacity"] })),
  tell("of a parameter and what is none", "request.invalid", () => ({
    parameters: ["checkpointIntervalMs", 5],
  })),
  tell("of far too many", "request.invalid", () => ({
    parameters: Array.from({ length: 100 }, () => "checkpointIntervalMs"),
  })),
  tell("with more than there is", "request.invalid", () => ({ ...body(), variant: "treatment" })),
  {
    ...{ name: "exposures of an older start", path: "/v1/sessions/restarted/exposures", body },
    ...{ as: ({ cast }) => cast.stale.token, code: "session.superseded" },
  },
  {
    ...{ name: "exposures of a session that has ended", path: "/v1/sessions/ended/exposures", body },
    ...{ as: ({ cast }) => cast.ended.token, code: "session.superseded" },
  },
];
