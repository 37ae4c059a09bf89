import type { Mutant } from "./mutants.ts";

const operation = (name: string) => `shared/operations/${name}.ts`;
const INBOX = "shared/domain/inbox.ts";

/** Mistakes with messages that the simulation must catch. */
export const MESSAGE_MUTANTS: readonly Mutant[] = [
  {
    name: "a message is answered for before it is kept",
    file: operation("append-message"),
    find: "(await messages.commit(newest, { ...draft, rev: newest?.rev ?? 0 })) ??",
    replace:
      "(messages.commit(newest, { ...draft, rev: newest?.rev ?? 0 }).catch(() => null) && { ...draft, rev: number }) ??",
  },
  {
    name: "the newest message is replaced without being filed",
    file: operation("append-message"),
    find: "    if (living) await messages.put(living);\n",
    replace: "",
  },
  {
    name: "a repeated message does not look at the number of its last try",
    file: operation("append-message"),
    find: "const ours = ticket && valid ? await messageAt(ports, outgoing, ticket.number) : null;",
    replace: "const ours = null;",
    also: [
      {
        file: operation("append-message"),
        find: "if (before) return announced(ports, before, null, json);",
        replace: "if (before && before.rev < 0) return announced(ports, before, null, json);",
      },
    ],
  },
  {
    name: "a cursor passes over what was not read",
    file: INBOX,
    find: "    positions[next.log] = next.rev;\n",
    replace: "    positions[next.log] = next.rev + 1;\n",
  },
  {
    name: "messages are read in the order of their ids",
    file: INBOX,
    find: "const queues = logs.map((log) => [...log]);",
    replace: "const queues = logs.map((log) => [...log].sort((a, b) => (`${a.id}` < `${b.id}` ? -1 : 1)));",
  },
  {
    name: "a beat brings a message before those that it does not bring",
    file: INBOX,
    find: "if (carried[0]?.number !== read + 1) return",
    replace: "if (!carried[0]) return",
  },
  {
    name: "what Redis forgot of messages is never mended",
    file: operation("mend-inboxes"),
    find: "  if (alive.length === 0) return;\n",
    replace: "  if (alive.length >= 0) return;\n",
  },
  {
    name: "a session that is started again begins at the ends of its logs",
    file: operation("open-inbox"),
    find: ".filter(([log]) => before[log] === undefined);",
    replace: ".filter(([log]) => before[log] !== Infinity);",
  },
  {
    name: "an acknowledgement is told to no beat",
    file: operation("acknowledge-messages"),
    find: "  if (session && result.document) await placeReading(ports, session, result.document);\n",
    replace: "",
  },
  {
    name: "ends are announced to nobody",
    file: operation("run-end-effects"),
    find: "    await announceTaskEnd(ports, current, settings);\n",
    replace: "",
  },
];
