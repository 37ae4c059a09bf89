import type { Mutant } from "./mutants.ts";

const WRITE = "shared/operations/write-checkpoint.ts";

/** Mistakes with checkpoints that the simulation must catch. */
export const CHECKPOINT_MUTANTS: readonly Mutant[] = [
  {
    name: "a checkpoint is written before its state is kept",
    file: WRITE,
    find: "const { ref, bytes } = await ports.record.checkpoints.putBody(fleet, session, json);",
    replace: `const { ref, bytes } = { ref: { at: "item", key: "late" } as const, bytes: 0 };
  void ports.record.checkpoints.putBody(fleet, session, json).catch(() => null);`,
  },
  {
    name: "the newest checkpoint is replaced without being filed",
    file: WRITE,
    find: "      if (previous) await file(previous);\n",
    replace: "",
  },
  {
    name: "what a task points to is let go of",
    file: WRITE,
    find: "if (!isIt(pointer) && !isIt(pointer?.first)) await",
    replace: "if (!isIt(pointer?.first) || isIt(pointer)) await",
  },
  {
    name: "a checkpoint is answered for before its task points to it",
    file: WRITE,
    find: "const pointed = await pointTask(ports, task, written);",
    replace: "const pointed = null as Refusal | null;",
  },
  {
    name: "a task that was begun before is handed out as if it were not",
    file: "shared/operations/claim-tasks.ts",
    find: "resume: await briefOfTask(ports, task),",
    replace: "resume: null,",
  },
];
