import {
  type Checkpoint,
  CheckpointAnswer,
  type CheckpointRequest,
  CheckpointWritten,
  ResumeAnswer,
  type ResumeBrief,
} from "../../shared/contract/checkpoint.ts";
import type { Registry } from "./registry.ts";

/** Durable progress of chats. */
export type Checkpoints = {
  write(chatId: string, checkpoint: CheckpointRequest): Promise<CheckpointWritten>;
  latest(chatId: string): Promise<Checkpoint>;
  resume(chatId: string): Promise<ResumeBrief | null>;
};

export function createCheckpoints(registry: Registry): Checkpoints {
  const { http, key, pending } = registry;
  return {
    async write(chatId, checkpoint) {
      await pending.settle();
      const path = `/v1/sessions/${chatId}/checkpoints`;
      const bearer = registry.chat(chatId).token();
      return await http({ method: "POST", path, answer: CheckpointWritten, bearer, body: checkpoint });
    },
    async latest(chatId) {
      await pending.settle();
      const path = `/v1/sessions/${chatId}/checkpoints/latest`;
      return (await http({ method: "GET", path, answer: CheckpointAnswer, bearer: key })).checkpoint;
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
