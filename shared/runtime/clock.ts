import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { Chance, Clock } from "../ports/ports.ts";

/** The server's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  wait: async (ms) => {
    await wait(ms);
  },
};

const ID_BYTES = 16;

export const systemChance: Chance = {
  uniform: () => Math.random(),
  id: () => randomBytes(ID_BYTES).toString("base64url"),
};
