import type { AgentParameters } from "../../shared/contract/agent-parameters.ts";
import { isTransient, messageOf } from "../problem.ts";
import type { Life } from "../worker/life.ts";

type Name = keyof AgentParameters;

/** Tells the server, once per start of a session, that a parameter under experiment was used. */
export type ExposurePost = {
  /** In the background, and again with the next use if the server was not there. No work depends on it. */
  used(parameters: readonly Name[], life: Pick<Life, "config" | "token">): void;
};

export function createExposurePost(
  tell: (parameters: readonly Name[], life: Pick<Life, "config" | "token">) => Promise<void>,
  onFailed: (why: string) => void,
): ExposurePost {
  const told = new WeakMap<object, Set<Name>>();
  return {
    used(parameters, life) {
      const { experiments } = life.config();
      if (experiments.length === 0) return;
      const before = told.get(life) ?? new Set<Name>();
      told.set(life, before);
      const news = parameters.filter((name) => experiments.includes(name) && !before.has(name));
      if (news.length === 0) return;
      for (const name of news) before.add(name);
      tell(news, life).catch((error: unknown) => {
        onFailed(messageOf(error));
        // What was refused would be refused again.
        if (isTransient(error)) for (const name of news) before.delete(name);
      });
    },
  };
}
