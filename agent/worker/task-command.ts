import * as z from "zod/mini";

export type Command = readonly [string, ...string[]];
export type CommandChoice =
  | { readonly ok: true; readonly command: Command }
  | { readonly ok: false; readonly code: string; readonly message: string };

const DataWithCommand = z.object({ command: z.unknown() });
const CommandList = z.tuple([z.string().check(z.minLength(1))], z.string());

/**
 * Which command runs a task: the worker's own, or the one its data names if the worker allows that. A task
 * that names one elsewhere is refused rather than run by another command than its submitter meant.
 */
export function chooseCommand(
  data: unknown,
  own: Command | null,
  taskCommandsAllowed: boolean,
): CommandChoice {
  const named = nameCommand(data);
  if (named !== null && !taskCommandsAllowed) {
    return {
      ok: false,
      code: "command.refused",
      message:
        "The task's data names a command, and this worker runs only its own. Start it with --allow-task-commands if you trust every submitter.",
    };
  }
  const command = named ?? own;
  if (command !== null) return { ok: true, command };
  return {
    ok: false,
    code: "command.missing",
    message:
      'This worker has no command of its own and the task\'s data names none. Submit data with "command": ["program", "argument"].',
  };
}

function nameCommand(data: unknown): Command | null {
  const parsed = DataWithCommand.safeParse(data);
  const list = parsed.success ? CommandList.safeParse(parsed.data.command) : null;
  return list?.success ? list.data : null;
}
