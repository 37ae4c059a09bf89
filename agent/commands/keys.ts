import { type Command, Option } from "commander";
import { type Key, KeyAnswer, KeysAnswer, RevokedAnswer, Scope } from "../../shared/contract/fleet.ts";
import { newId } from "../ids.ts";
import { addCommand, type CommonOptions, openOperator, print, type Terminal } from "./context.ts";
import { identifier } from "./options.ts";
import { formatTable } from "./text.ts";

type CreateFlags = CommonOptions & {
  readonly scope: Scope;
  readonly name?: string;
  readonly expiresAt?: string;
};

export function addKeysCommand(program: Command, terminal: Terminal): void {
  const keys = program.command("keys").description("list, create and revoke API keys");

  addCommand(keys, "list", "list the fleet's keys, never their secrets", ["shim keys list"]).action(
    async (flags: CommonOptions) => {
      const { http, key } = openOperator(terminal, flags);
      const answer = await http({ method: "GET", path: "/v1/keys", answer: KeysAnswer, bearer: key });
      print(terminal, flags, answer, () => tableOf(answer.keys));
    },
  );

  addCommand(keys, "create", "create a key; its secret is shown once", [
    "shim keys create --scope agent --name laptop",
  ])
    .addOption(new Option("--scope <scope>", "what it may do").choices(Scope.options).makeOptionMandatory())
    .option("--name <name>", "what it is for")
    .option("--expires-at <instant>", "when it ends, such as 2030-01-31T00:00:00Z")
    .action(async (flags: CreateFlags) => {
      const { http, key } = openOperator(terminal, flags);
      const { scope, name, expiresAt } = flags;
      const body = {
        scope,
        ...(name === undefined ? {} : { name }),
        ...(expiresAt === undefined ? {} : { expiresAt }),
      };
      const headers = { "idempotency-key": newId("key") };
      const answer = await http({
        method: "POST",
        path: "/v1/keys",
        answer: KeyAnswer,
        bearer: key,
        body,
        headers,
      });
      print(
        terminal,
        flags,
        answer,
        () => `${answer.key.id}\n${answer.secret}\nKeep the second line: it is not shown again.`,
      );
    });

  addCommand(keys, "revoke", "revoke a key", ["shim keys revoke key_1"])
    .argument("<id>", "the key", identifier)
    .action(async (id: string, flags: CommonOptions) => {
      const { http, key } = openOperator(terminal, flags);
      const answer = await http({
        method: "DELETE",
        path: `/v1/keys/${id}`,
        answer: RevokedAnswer,
        bearer: key,
      });
      print(
        terminal,
        flags,
        answer,
        () => `${answer.key.id} is revoked. Tokens it granted end within the hour.`,
      );
    });
}

function tableOf(keys: readonly Key[]): string {
  const rows = keys.map((key) => [
    key.id,
    key.scope,
    key.name ?? "-",
    key.createdAt,
    key.expiresAt ?? "-",
    key.revokedAt ?? "-",
  ]);
  return formatTable(["KEY", "SCOPE", "NAME", "CREATED", "EXPIRES", "REVOKED"], rows);
}
