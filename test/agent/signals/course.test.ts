import { expect, it } from "vitest";
import { createCourse } from "../../../agent/signals/course.ts";

it("a session's course counts stalls, and remembers what could be verified when it went on", () => {
  const course = createCourse();
  expect(course.read()).toEqual({ stalls: 0 });
  course.stalled("working");
  course.stalled("tool_running");
  course.resumed(1);
  course.resumed(0.8);
  expect(course.read()).toEqual({ stalls: 2, stalledIn: "tool_running", fidelity: 0.9 });
});
