import { FUNCTIONS } from "./routes.ts";
import type { FunctionName } from "./routes.ts";

/** What whoever deploys may choose, by environment variables of `sst deploy`. docs/DEPLOY.md describes each. */
export type Options = {
  /** SHIM_ALARM_EMAIL: who is told when an alarm goes off. */
  readonly alarmEmail: string | null;
  /** SHIM_DOMAIN: the API's own name; its zone must be in Route 53 of the same account. */
  readonly domain: string | null;
  /** SHIM_RESERVED_CONCURRENCY, such as `heartbeat=50,sweep=2`: instances that a function always has, and never more. */
  readonly reserved: Readonly<Partial<Record<FunctionName, number>>>;
  /** SHIM_UPSTASH: `existing`, a database by its secrets; or `create`, one that the stack makes. */
  readonly upstash: "existing" | "create";
};

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads them. Throws, naming the variable and what it takes, if one makes no sense. */
export function readOptions(environment: Environment): Options {
  return {
    alarmEmail: matching(environment, "SHIM_ALARM_EMAIL", /^[^@\s]+@[^@\s]+\.[^@\s]+$/, "an e-mail address"),
    domain: matching(
      environment,
      "SHIM_DOMAIN",
      /^([a-z0-9-]{1,63}\.)+[a-z]{2,}$/,
      "a domain such as shim.example.com",
    ),
    reserved: readReserved(environment["SHIM_RESERVED_CONCURRENCY"] ?? ""),
    upstash: readUpstash(environment["SHIM_UPSTASH"] ?? "existing"),
  };
}

function matching(environment: Environment, name: string, pattern: RegExp, kind: string): string | null {
  const value = environment[name] ?? "";
  if (value === "") return null;
  if (!pattern.test(value)) throw new Error(`${name} is "${value}": give ${kind}, or leave it out.`);
  return value;
}

function readReserved(text: string): Options["reserved"] {
  const entries = text.split(",").filter((entry) => entry !== "");
  return Object.fromEntries(
    entries.map((entry) => {
      const [, name = "", count] = /^(\w+)=([1-9]\d{0,3})$/.exec(entry) ?? [];
      if (!(name in FUNCTIONS))
        throw new Error(
          `SHIM_RESERVED_CONCURRENCY has "${entry}": give FUNCTION=INSTANCES, functions being ${Object.keys(FUNCTIONS).join(", ")}.`,
        );
      return [name, Number(count)];
    }),
  );
}

function readUpstash(value: string): Options["upstash"] {
  if (value === "existing" || value === "create") return value;
  throw new Error(`SHIM_UPSTASH is "${value}": give existing or create.`);
}

export const options = readOptions(process.env);
