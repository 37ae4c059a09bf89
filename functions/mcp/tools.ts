import { checkpoint, resume } from "./checkpoint-tools.ts";
import { inbox, sendMessageTool } from "./message-tools.ts";
import { heartbeat, register, status } from "./session-tools.ts";
import { claimTask, completeTaskTool, failTaskTool } from "./task-tools.ts";
import type { Tool } from "./tool.ts";

/** All tools, in the order in which a model needs them. Few, because each takes a part of its context window. */
export const TOOLS: readonly Tool[] = [
  register,
  claimTask,
  heartbeat,
  checkpoint,
  resume,
  completeTaskTool,
  failTaskTool,
  sendMessageTool,
  inbox,
  status,
];
