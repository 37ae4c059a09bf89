import type { Command } from "commander";
import { type Session, SessionAnswer, SessionsAnswer } from "../../shared/contract/session.ts";
import {
  addCommand,
  type CommonOptions,
  type Operator,
  openOperator,
  print,
  type Terminal,
} from "./context.ts";
import { identifier, integer } from "./options.ts";
import { readPages, withQuery } from "./pages.ts";
import { formatAge, formatTable, printable } from "./text.ts";

type SessionsFlags = CommonOptions & { readonly limit: number };

export function addSessionsCommands(program: Command, terminal: Terminal): void {
  addCommand(program, "sessions", "list sessions, or show one", [
    "shim sessions",
    "shim sessions laptop-1 --json",
  ])
    .argument("[id]", "one session", identifier)
    .option("--limit <n>", "at most so many", integer(1, 100_000), 1_000)
    .action(async (id: string | undefined, flags: SessionsFlags) => {
      const operator = openOperator(terminal, flags);
      if (id !== undefined) {
        const answer = await operator.http({
          method: "GET",
          path: `/v1/sessions/${id}`,
          answer: SessionAnswer,
          bearer: operator.key,
        });
        print(terminal, flags, answer, () => describeSession(answer.session));
        return;
      }
      const sessions = await listSessions(operator, flags.limit);
      print(terminal, flags, { sessions }, () =>
        sessions.length === 0 ? "No sessions." : tableOfSessions(sessions, Date.now()),
      );
    });

  addCommand(program, "restart", "stop a session's work and start it again; its tasks go to others", [
    "shim restart laptop-1",
  ])
    .argument("<id>", "the session", identifier)
    .action(async (id: string, flags: CommonOptions) => {
      const { http, key } = openOperator(terminal, flags);
      const path = `/v1/sessions/${id}/restart`;
      const answer = await http({ method: "POST", path, answer: SessionAnswer, bearer: key });
      print(terminal, flags, answer, () => `${id} restarts.`);
    });
}

/** Live sessions and past ones, as the server lists them. */
export async function listSessions({ http, key }: Operator, limit: number): Promise<Session[]> {
  return await readPages(limit, async (cursor) => {
    const page = await http({
      method: "GET",
      path: withQuery("/v1/sessions", { cursor }),
      answer: SessionsAnswer,
      bearer: key,
    });
    return { entries: page.sessions, cursor: page.cursor };
  });
}

export function tableOfSessions(sessions: readonly Session[], nowMs: number): string {
  const rows = sessions.map((session) => [
    session.id,
    session.host,
    session.state,
    session.activity ?? "-",
    `${session.currentTasks}/${session.capacity}`,
    String(session.epoch),
    String(session.restarts),
    formatAge(session.lastBeatAt, nowMs),
  ]);
  return formatTable(
    ["SESSION", "HOST", "STATE", "ACTIVITY", "TASKS", "EPOCH", "RESTARTS", "LAST BEAT"],
    rows,
  );
}

function describeSession(session: Session): string {
  const lines = Object.entries(session).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return `${name.padEnd(12)}  ${printable(text)}`;
  });
  return lines.join("\n");
}
