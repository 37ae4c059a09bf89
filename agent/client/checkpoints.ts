import * as z from "zod/mini";
import { ResumeBrief } from "../../shared/contract/session.ts";
import type { Registry } from "./registry.ts";

const WrittenAnswer = z.object({ sequence: z.int(), bytes: z.int() });
const LatestAnswer = z.object({ checkpoint: z.unknown() });
const ResumeAnswer = z.object({ resume: ResumeBrief });

export type CheckpointRequest = {
  readonly trigger: string;
  readonly taskId?: string;
  readonly fence?: number;
  readonly state: unknown;
  readonly signals?: Readonly<Record<string, unknown>>;
};

/** Durable progress of chats. A server that does not have these routes answers 501 `route.not_implemented`. */
export type Checkpoints = {
  write(chatId: string, checkpoint: CheckpointRequest): Promise<z.infer<typeof WrittenAnswer>>;
  latest(chatId: string): Promise<unknown>;
  resume(chatId: string): Promise<z.infer<typeof ResumeBrief>>;
};

export function createCheckpoints(registry: Registry): Checkpoints {
  const { http, key, pending } = registry;
  return {
    async write(chatId, checkpoint) {
      await pending.settle();
      const path = `/v1/sessions/${chatId}/checkpoints`;
      const bearer = registry.chat(chatId).token();
      return await http({ method: "POST", path, answer: WrittenAnswer, bearer, body: checkpoint });
    },
    async latest(chatId) {
      await pending.settle();
      const path = `/v1/sessions/${chatId}/checkpoints/latest`;
      return (await http({ method: "GET", path, answer: LatestAnswer, bearer: key })).checkpoint;
    },
    async resume(chatId) {
      await pending.settle();
      return (
        await http({
          method: "GET",
          path: `/v1/sessions/${chatId}/resume`,
          answer: ResumeAnswer,
          bearer: key,
        })
      ).resume;
    },
  };
}
