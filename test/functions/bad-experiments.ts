import { TEXT_CHARACTERS_LIMIT } from "../../shared/contract/limits.ts";
import { type BadCase, admin, agent, host, operate, root, submit, worker } from "./bad-case.ts";

const ROUTES = [
  ["GET", "/v1/experiments"],
  ["POST", "/v1/experiments"],
  ["GET", "/v1/experiments/none"],
  ["POST", "/v1/experiments/none/approve"],
  ["POST", "/v1/experiments/none/stop"],
  ["POST", "/v1/tuning"],
] as const;
const start = { parameter: "checkpointIntervalMs", treatment: 300_000, effect: 30_000 };

const misfit = (path: string, name: string, body: BadCase["body"], code?: BadCase["code"]): BadCase => ({
  ...{ name: `${path}: ${name}`, path, as: operate, body, code: code ?? "request.invalid" },
});
const started = (name: string, more: object, code?: BadCase["code"]) =>
  misfit("/v1/experiments", name, () => ({ ...start, ...more }), code);
const tuned = (name: string, body: unknown, code?: BadCase["code"]) =>
  misfit("/v1/tuning", name, () => body, code);

/** Trials and tuning that nobody may choose, or that mean nothing. */
export const BAD_EXPERIMENTS: readonly BadCase[] = [
  ...ROUTES.flatMap(([method, path]): BadCase[] => [
    ...[submit, agent, worker, host, root].map((as, i): BadCase => ({
      ...{ name: `${method} ${path} by who may not, ${i}`, method, path, as, code: "scope.insufficient" },
    })),
    { name: `${method} ${path} by nobody`, method, path, as: undefined, code: "auth.missing" },
  ]),
  ...["none", "checkpointIntervalMs-1", "a:b", "{id}", "%00", "toString", "x".repeat(65)].flatMap((id) =>
    ROUTES.slice(2, 5).map(([method, path]): BadCase => {
      const at = path.replace("none", id);
      return { name: `${method} ${at}`, method, path: at, as: admin, code: "experiment.not_found" };
    }),
  ),
  misfit("/v1/experiments/none/stop", "404 before 400", "{", "experiment.not_found"),
  misfit("/v1/experiments", "no body", "", "body.not_json"),
  misfit("/v1/experiments", "an infinite effect", JSON.stringify(start).replace("30000}", "1e999}")),
  misfit("/v1/experiments", "an infinite value", JSON.stringify(start).replace("300000", "1e999")),
  started("no parameter", { parameter: undefined }),
  started("an unknown parameter", { parameter: "capacity" }),
  started("a parameter that every object has", { parameter: "toString" }),
  started("no value", { treatment: undefined }),
  started("a value that is null", { treatment: null }),
  started("a list of values", { treatment: [300_000] }),
  started("no effect", { effect: undefined }),
  started("an effect of nothing", { effect: 0 }),
  started("an effect below nothing", { effect: -1 }),
  started("an effect in words", { effect: "30 s" }),
  started("an unknown metric", { metric: "speed" }),
  started("a metric that every object has", { metric: "constructor" }),
  started("an empty statement", { statement: "" }),
  started("a statement too long", { statement: "x".repeat(TEXT_CHARACTERS_LIMIT + 1) }),
  started("a field it does not have", { control: 1 }),
  started("a value outside of all bounds", { treatment: 1 }, "parameter.invalid"),
  started("half of what is whole", { treatment: 300_000.5 }, "parameter.invalid"),
  started("words for a number", { treatment: "300000" }, "parameter.invalid"),
  started("what is used already", { treatment: 600_000 }, "parameter.invalid"),
  started("a metric that it does not move", { metric: "completed" }, "parameter.invalid"),
  started(
    "an effect larger than a proportion",
    { ...{ parameter: "briefTokens", treatment: 4_000, metric: "completed" }, effect: 1 },
    "parameter.invalid",
  ),
  started("a choice that is none", { parameter: "heartbeatProfile", treatment: "slow" }, "parameter.invalid"),
  started(
    "what a part of the fleet cannot have",
    { parameter: "heartbeatProfile", treatment: "fast" },
    "experiment.refused",
  ),
  started("what no unit would show", {}, "experiment.refused"),
  misfit("/v1/tuning", "no body", "", "body.not_json"),
  tuned("a list", []),
  tuned("an unknown mode", { mode: "on" }),
  tuned("a pin of nothing", { pin: "briefTokens" }),
  tuned("a pin of what is no parameter", { pin: { capacity: 1 } }),
  tuned("a pin to null", { pin: { briefTokens: null } }),
  tuned("an unpin that is no list", { unpin: "briefTokens" }),
  tuned("an unpin of what is no parameter", { unpin: ["capacity"] }),
  tuned("a field it does not have", { values: { briefTokens: 1_000 } }),
  tuned("one good pin and one bad", { pin: { briefTokens: 1_000, tasksPerSession: 0 } }, "parameter.invalid"),
  tuned("a pin of another kind", { pin: { balancerPolicy: 1 } }, "parameter.invalid"),
  tuned("a pin that is let go", { pin: { briefTokens: 1_000 }, unpin: ["briefTokens"] }, "parameter.invalid"),
];
