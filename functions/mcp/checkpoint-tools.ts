import * as z from "zod/mini";
import { isRefusal, refuse } from "../../shared/contract/errors.ts";
import { Fence, Id, Word } from "../../shared/contract/ids.ts";
import { TEXT_CHARACTERS_LIMIT } from "../../shared/contract/limits.ts";
import { writeCheckpoint } from "../../shared/operations/write-checkpoint.ts";
import { ownBrief } from "../../shared/operations/own-brief.ts";
import { redactDeep } from "../../shared/redaction/redact.ts";
import { defineTool } from "./tool.ts";

/** Steps of one kind in a checkpoint that a model writes. */
const STEPS_LIMIT = 50;

const Line = z.string().check(z.maxLength(TEXT_CHARACTERS_LIMIT));
const Lines = z.optional(z.array(Line).check(z.maxLength(STEPS_LIMIT)));

export const checkpoint = defineTool({
  name: "checkpoint",
  title: "Save where I am",
  description:
    "Saves where you are, so that you after a crash, or whoever goes on instead of you, repeats nothing. Call it after each finished " +
    "step, before anything risky (a push, a deletion, a migration, a deployment), and when your context is getting full. Say in `done` " +
    "what is finished and in `next` what comes, in short sentences that somebody who knows nothing of it can act on; never a secret. " +
    "With taskId and fence it belongs to that task. The answer's sequence only counts. A refusal lease.stale means that the task is " +
    "not yours any more: stop working on it.",
  input: z.strictObject({
    done: Lines,
    next: Lines,
    blockers: Lines,
    decisions: Lines,
    files: Lines,
    summary: z.optional(Line),
    percent: z.optional(z.number().check(z.minimum(0), z.maximum(100))),
    trigger: z.optional(Word),
    taskId: z.optional(Id),
    fence: z.optional(Fence),
  }),
  readOnly: false,
  run: async ({ ports, claims }, { done, next, blockers, decisions, files, summary, percent, ...of }) => {
    const { trigger = "milestone", taskId, fence } = of;
    if ([done, next, blockers, decisions, files, summary].every((part) => part === undefined))
      return refuse("request.invalid", "Say at least what is done or what is next.");
    const state = {
      task: { done, next, blockers, ...(percent !== undefined && { progress: percent }) },
      ...((decisions ?? summary) !== undefined && { conversation: { decisions, summary } }),
      ...(files && { files: { active: files } }),
    };
    // Its host redacts what it sends itself; a model's words come as they are.
    const written = await writeCheckpoint(ports, claims, {
      trigger,
      taskId,
      fence,
      state: redactDeep(state),
    });
    return isRefusal(written) ? written : { sequence: written.sequence };
  },
});

export const resume = defineTool({
  name: "resume",
  title: "Where was I",
  description:
    "Tells what you, or whoever worked on your task before you, left: what is done, what is next, which files, and which tool calls " +
    "have an unknown outcome. Call it when you begin with a task whose claim brought a resume brief that you no longer have in mind, or " +
    "after a restart. Repeat nothing that is done, and look at the effects of unknown calls before you repeat them. Null means that " +
    "nobody left anything: begin at the beginning. A refusal lease.stale means that the task is not one of yours.",
  input: z.strictObject({ taskId: z.optional(Id) }),
  readOnly: true,
  run: async ({ ports, claims }, { taskId }) => {
    const own = await ownBrief(ports, claims, taskId ?? null);
    if (isRefusal(own)) return own;
    const { resume: brief } = own;
    return { taskId: brief?.taskId ?? null, resume: brief?.text ?? null };
  },
});
