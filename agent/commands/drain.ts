import type { Command } from "commander";
import { DrainedAnswer, SessionAnswer } from "../../shared/contract/session.ts";
import { UsageError } from "../problem.ts";
import { addCommand, type CommonOptions, openOperator, print, type Terminal } from "./context.ts";
import { identifier } from "./options.ts";

type DrainFlags = CommonOptions & { readonly host?: string };

export function addDrainCommand(program: Command, terminal: Terminal): void {
  addCommand(program, "drain", "let a session, or all of a host, finish what they have and take no more", [
    "shim drain laptop-1",
    "shim drain --host laptop",
  ])
    .argument("[id]", "the session", identifier)
    .option("--host <host>", "every session that this host has now", identifier)
    .action(async (id: string | undefined, flags: DrainFlags) => {
      const { http, key } = openOperator(terminal, flags);
      const { host } = flags;
      if ((id === undefined) === (host === undefined))
        throw new UsageError("Name one session, or a host with --host.");
      if (host !== undefined) {
        const path = `/v1/hosts/${host}/drain`;
        const answer = await http({ method: "POST", path, answer: DrainedAnswer, bearer: key });
        const names = answer.sessions.map((session) => session.id);
        print(terminal, flags, answer, () =>
          names.length === 0 ? `${host} has no sessions.` : `${names.join(", ")}: ${names.length} drain.`,
        );
        return;
      }
      const path = `/v1/sessions/${id ?? ""}/drain`;
      const answer = await http({ method: "POST", path, answer: SessionAnswer, bearer: key });
      print(terminal, flags, answer, () => `${answer.session.id} drains.`);
    });
}
