import { describe, expect, test } from "vitest";
import {
  TRIGGER_RULES,
  type TriggerEvent,
  checkpointed,
  decideTrigger,
  startTriggers,
} from "../../../agent/checkpoints/triggers.ts";

const MINUTE = 60_000;
const ended: TriggerEvent = { type: "tool_ended" };
const tick: TriggerEvent = { type: "tick" };
const activity: TriggerEvent = { type: "activity" };
const zone = (name: "safe" | "warning" | "danger"): TriggerEvent => ({ type: "zone", zone: name });
const starts = (command: string | null): TriggerEvent => ({ type: "tool_started", command });
const asked = (trigger: "crash" | "milestone" | "pre_compact" | "user_request"): TriggerEvent => ({
  type: "asked",
  trigger,
});

/** Why a checkpoint is made at each event, each of them made. `[event, minutes since the beginning]`. */
function triggers(
  events: readonly (TriggerEvent | readonly [TriggerEvent, number])[],
  rules = TRIGGER_RULES,
) {
  let state = startTriggers(0);
  let nowMs = 0;
  return events.map((entry) => {
    const [event, minute] = "type" in entry ? [entry, nowMs / MINUTE] : entry;
    nowMs = minute * MINUTE;
    const decided = decideTrigger(state, event, nowMs, rules);
    state = decided.trigger ? checkpointed(decided.state, nowMs) : decided.state;
    return decided.trigger;
  });
}

describe("checkpoints are made", () => {
  test.each([
    ["after five tool calls, and five more", Array.from({ length: 11 }, () => ended), [4, 9], "tool_calls"],
    ["after ten minutes in which something happened", [activity, [tick, 9.99], [tick, 10]], [2], "interval"],
    [
      "never while nothing happened",
      [
        [tick, 10],
        [tick, 100],
      ],
      [],
      "interval",
    ],
    [
      "on entering the warning zone, once",
      [zone("warning"), zone("warning"), tick, ended],
      [0],
      "warning_zone",
    ],
    ["on entering the danger zone, once", [zone("danger"), zone("danger"), ended], [0], "danger_zone"],
    ["on entering a zone again", [zone("warning"), zone("safe"), zone("warning")], [0, 2], "warning_zone"],
    [
      "before a risky operation, every time",
      [starts("git push"), starts("ls"), starts("git push")],
      [0, 2],
      "risky_operation",
    ],
    ["not for another tool", [starts(null)], [], "risky_operation"],
  ] as const)("%s", (_name, events, at, trigger) => {
    const made = triggers(events);
    expect(made.map((reason, index) => (reason ? index : null)).filter((index) => index !== null)).toEqual(
      at,
    );
    expect(made.filter((reason) => reason !== null && reason !== trigger)).toEqual([]);
  });

  test("from the warning into the danger zone is another entering; back into warning is none", () => {
    expect(triggers([zone("warning"), zone("danger"), zone("warning"), zone("danger")])).toEqual([
      "warning_zone",
      "danger_zone",
      null,
      "danger_zone",
    ]);
  });

  test.each(["crash", "milestone", "pre_compact", "user_request"] as const)(
    "when asked for: %s",
    (trigger) => {
      expect(triggers([asked(trigger), asked(trigger)])).toEqual([trigger, trigger]);
    },
  );
});

test("of several reasons the first in order is named", () => {
  let state = startTriggers(0);
  for (let call = 0; call < 7; call += 1) ({ state } = decideTrigger(state, ended, 0));
  const late = 20 * MINUTE;
  const reason = (event: TriggerEvent, from = state) => decideTrigger(from, event, late).trigger;
  expect(reason(zone("danger"))).toBe("danger_zone");
  expect(reason(zone("warning"))).toBe("warning_zone");
  expect(reason(starts("git push"))).toBe("risky_operation");
  expect(reason(tick)).toBe("tool_calls");
  expect(reason(tick, { ...state, toolCalls: 0 })).toBe("interval");
  expect(reason(asked("crash"), { ...state, zone: "danger" })).toBe("crash");
});

test("a checkpoint that was not written is asked for again", () => {
  const first = decideTrigger(startTriggers(0), zone("danger"), 0);
  expect(decideTrigger(first.state, tick, 1).trigger).toBe("danger_zone");
});

test("whatever its reason, a checkpoint counts for all", () => {
  expect(triggers([ended, ended, ended, ended, asked("milestone"), ended])).toEqual([
    null,
    null,
    null,
    null,
    "milestone",
    null,
  ]);
});

test("rules can be tuned, and switched off", () => {
  const rules = { toolCalls: 2, intervalMs: null, onZones: false, riskyOperations: [] };
  expect(triggers([ended, ended, zone("danger"), starts("git push"), [tick, 1_000]], rules)).toEqual([
    null,
    "tool_calls",
    null,
    null,
    null,
  ]);
});
