import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Conversation, turn, type Turn } from "../agents/conversation.ts";
import { stepwise } from "../agents/stepwise.ts";

const asked = (text: string) => turn("user", { text });
const context = (text: string) => turn("context", { text });
const TASK = "Task t1 (test):\nSTEP one: echo 1 >> f\nSTEP two: echo 2 >> f\nSTEP three: echo 3 >> f";

let calls = 0;
/** A call and what came of it; without a text it has no result. */
function ran(command: string, text?: string, isError = false): Turn[] {
  const id = `call_${(calls += 1)}`;
  const call = turn("assistant", { toolCalls: [{ id, name: "Bash", command }] });
  return text === undefined ? [call] : [call, turn("user", { toolResults: [{ id, text, isError }] })];
}

const next = (...turns: readonly Turn[]) => stepwise(conversation(turns));
const conversation = (turns: readonly Turn[]): Conversation => ({
  ...{ client: "anthropic", system: "", tools: ["Bash"], turns },
});

test("steps run in order, each once, failed or not, and then all is done", () => {
  expect(next(asked(TASK))).toEqual({ shell: "echo 1 >> f" });
  const one = ran("echo 1 >> f", "");
  const two = ran("echo 2 >> f", "Exit code 1", true);
  expect(next(asked(TASK), ...one)).toEqual({ shell: "echo 2 >> f" });
  expect(next(asked(TASK), ...one, ...two)).toEqual({ shell: "echo 3 >> f" });
  expect(next(asked(TASK), ...one, ...two, ...ran("echo 3 >> f", ""))).toEqual({ text: "ALL STEPS DONE t1" });
  expect(next(asked("hello"))).toEqual({ text: "NOTHING TO DO" });
});

test("another task's prompt starts that task, whatever was done before it", () => {
  const second = "Task t2 (test):\nSTEP one: echo 1 >> f";
  const first = [asked(TASK), ...ran("echo 1 >> f", "")];
  expect(next(...first, asked(second))).toEqual({ shell: "echo 1 >> f" });
  expect(next(...first, asked(second), ...ran("echo 1 >> f", ""))).toEqual({ text: "ALL STEPS DONE t2" });
});

describe("a brief", () => {
  const BRIEF = [
    "This task was begun before, and not finished.\n\n## Where this was left\n\nSession a-1 crashed.",
    "### Outcome unknown\n\n- Bash: echo 2 >> f",
    "### Next\n\n- Bash: echo 3 >> f",
    "### Done\n\n- Bash: echo 1 >> f",
  ].join("\n\n");

  test("is believed, in a prompt or beside it: what is finished is left out, what is unknown is looked at first", () => {
    for (const turns of [
      [asked(`${TASK}\n\n${BRIEF}`)],
      [asked(TASK), context(BRIEF)],
      [context(BRIEF), asked(TASK)],
    ]) {
      expect(next(...turns)).toEqual({ shell: "echo looked at two" });
      const looked = [...turns, ...ran("echo looked at two", "looked")];
      expect(next(...looked)).toEqual({ shell: "echo 2 >> f" });
      expect(next(...looked, ...ran("echo 2 >> f", ""))).toEqual({ shell: "echo 3 >> f" });
    }
  });

  test("of another task says nothing about this one, and what it says failed is not finished", () => {
    const other = asked(`Task t0 (test):\nSTEP one: echo 0\n\n${BRIEF}`);
    expect(next(other, asked(TASK))).toEqual({ shell: "echo 1 >> f" });
    const failed = "### Done\n- Bash: echo 1 >> f (failed)";
    expect(next(asked(`${TASK}\n\n${failed}`))).toEqual({ shell: "echo 1 >> f" });
    const open = "Still to be done, by your own list:\n- echo 1 >> f";
    expect(next(asked(`${TASK}\n\n${open}`))).toEqual({ shell: "echo 1 >> f" });
  });

  test("after a compaction holds for the task that it names", () => {
    const kept = `Your context was compacted.\n\nWhat you were asked:\n${TASK}\n\nFinished; do not repeat these:\n- Bash: echo 1 >> f`;
    expect(next(asked("This session is being continued."), context(kept))).toEqual({ shell: "echo 2 >> f" });
  });

  test("may cut a command short", () => {
    const long = `echo ${"x".repeat(300)} >> f`;
    const cut = `### Done\n- Bash: ${long.slice(0, 199)}…`;
    expect(next(asked(`Task t1 (test):\nSTEP one: ${long}\n\n${cut}`))).toEqual({
      text: "ALL STEPS DONE t1",
    });
  });
});

test("a session that is gone on with knows what it ran, and looks at what was cut short", () => {
  const before = [asked(TASK), ...ran("echo 1 >> f", ""), ...ran("echo 2 >> f")];
  const goesOn = asked("You were stopped and started again. Go on with the same task.");
  expect(next(...before, goesOn)).toEqual({ shell: "echo looked at two" });
  expect(next(...before, asked(TASK))).toEqual({ shell: "echo looked at two" });
});

test("what is denied ends it, and what is denied for now is tried again a few times", () => {
  const no = ran("echo 1 >> f", "The lease has expired. Do not run this tool, nor any other.", true);
  expect(next(asked(TASK), ...no).text).toMatch(/^STOPPED t1: The lease/);
  const later = () => ran("echo 1 >> f", "Wait a little and try again.", true);
  expect(next(asked(TASK), ...later())).toEqual({ shell: "echo 1 >> f" });
  expect(next(asked(TASK), ...later(), ...later(), ...later(), ...later()).text).toMatch(/^STOPPED/);
});

test("whatever the conversation is, it never throws, and answers with one thing", () => {
  const command = fc.constantFrom("echo 1 >> f", "echo looked at one", "", "a:b");
  const line = fc.oneof(
    fc.constantFrom(
      "Task t1 (test):",
      "Task t2 (x):",
      "### Done",
      "Outcome unknown:",
      "- Bash: echo 1 >> f",
      "",
    ),
    fc.tuple(fc.string(), command).map(([name, run]) => `STEP ${name}: ${run}`),
    fc.string(),
  );
  const id = fc.constantFrom("a", "b", "c");
  const anyTurn = fc.record({
    role: fc.constantFrom("user", "assistant", "context"),
    text: fc.array(line).map((lines) => lines.join("\n")),
    toolCalls: fc.array(fc.record({ id, name: fc.string(), command }), { maxLength: 2 }),
    toolResults: fc.array(fc.record({ id, text: fc.string(), isError: fc.boolean() }), { maxLength: 2 }),
  });
  fc.assert(
    fc.property(fc.array(anyTurn), (turns) => {
      expect(Object.keys(stepwise(conversation(turns as Turn[])))).toHaveLength(1);
    }),
  );
});
