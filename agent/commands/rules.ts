import { type Command, InvalidArgumentError } from "commander";
import { Word } from "../../shared/contract/ids.ts";
import { CONCURRENCY_LIMIT } from "../../shared/contract/limits.ts";
import { type PauseRequest, type Rules, RulesAnswer } from "../../shared/contract/rules.ts";
import { addCommand, type CommonOptions, openOperator, print, type Terminal } from "./context.ts";
import { integer } from "./options.ts";
import { formatTable } from "./text.ts";

const PAUSABLE = ["group", "type", "key"] as const;
const LIMITABLE = ["type", "key"] as const;

/** `shim pause`, `resume`, `limit` and `rules`. What they are about is written `type:NAME`, as the server writes it. */
export function addRulesCommands(program: Command, terminal: Terminal): void {
  const paths = [
    ["pause", "start nothing more of the fleet, or of one group, type or key"],
    ["resume", "take a pause back"],
  ] as const;
  for (const [name, description] of paths)
    addCommand(program, name, description, [`shim ${name}`, `shim ${name} type:deploy`])
      .argument("[what]", "group:NAME, type:NAME or key:NAME; else the whole fleet", target(PAUSABLE))
      .action(async (what: PauseRequest | undefined, flags: CommonOptions) => {
        await change(terminal, flags, `/v1/${name}`, what ?? {});
      });
  addCommand(program, "limit", "limit how many tasks of a type or key are worked on at once", [
    "shim limit type:deploy 2",
    "shim limit key:main none",
  ])
    .argument("<what>", "type:NAME or key:NAME", target(LIMITABLE))
    .argument("<limit>", `1 to ${CONCURRENCY_LIMIT}, or none; without one a key has 1`, limitOrNone)
    .action(async (what: PauseRequest, limit: number | null, flags: CommonOptions) => {
      await change(terminal, flags, "/v1/limits", { ...what, limit });
    });
  addCommand(program, "rules", "show what is paused and limited", ["shim rules", "shim rules --json"]).action(
    async (flags: CommonOptions) => {
      const { http, key } = openOperator(terminal, flags);
      const answer = await http({ method: "GET", path: "/v1/rules", answer: RulesAnswer, bearer: key });
      print(terminal, flags, answer, () => describe(answer.rules));
    },
  );
}

async function change(terminal: Terminal, flags: CommonOptions, path: string, body: object): Promise<void> {
  const { http, key } = openOperator(terminal, flags);
  const answer = await http({ method: "POST", path, answer: RulesAnswer, bearer: key, body });
  print(terminal, flags, answer, () => describe(answer.rules));
}

/** Parses `type:NAME`. */
function target(kinds: readonly (keyof PauseRequest)[]): (text: string) => PauseRequest {
  return (text) => {
    const [kind = "", ...rest] = text.split(":");
    const name = rest.join(":");
    const known = kinds.find((one) => one === kind);
    if (known && Word.safeParse(name).success) return { [known]: name };
    throw new InvalidArgumentError(
      `It must be ${kinds.map((one) => `${one}:NAME`).join(" or ")}, the name of letters, digits or _ . : / @ + -`,
    );
  };
}

function limitOrNone(text: string): number | null {
  return text === "none" ? null : integer(1, CONCURRENCY_LIMIT)(text);
}

function describe({ paused, limits }: Rules): string {
  const rows = [
    ...(paused.fleet ? [["the fleet", "paused"]] : []),
    ...paused.groups.map((name) => [`group:${name}`, "paused"]),
    ...paused.types.map((name) => [`type:${name}`, "paused"]),
    ...paused.keys.map((name) => [`key:${name}`, "paused"]),
    ...Object.entries(limits.types).map(([name, limit]) => [`type:${name}`, `at most ${limit} at once`]),
    ...Object.entries(limits.keys).map(([name, limit]) => [`key:${name}`, `at most ${limit} at once`]),
  ];
  return rows.length === 0 ? "Nothing is paused or limited." : formatTable(["WHAT", "RULE"], rows);
}
