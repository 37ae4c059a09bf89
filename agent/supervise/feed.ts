/**
 * A turn's end, held open: an agent that asks whether it may end is answered once it is known whether there is more to do. So one
 * process works through several tasks.
 */
export type Feed = {
  /** Asks whether to end: resolves to the prompt to go on with, or to null. */
  ask(): Promise<string | null>;
  /** Answers with a prompt. False, and nothing done, if nobody asks. */
  give(prompt: string): boolean;
  /** Answers that it may end. */
  letGo(): void;
  /** As `letGo`, some time from now, unless what is asked now was answered by then. */
  letGoIn(ms: number): void;
};

type Answer = (prompt: string | null) => void;

export function createFeed(): Feed {
  let asking: Answer | null = null;
  const settle = (answer: Answer | null, prompt: string | null): boolean => {
    if (answer === null || answer !== asking) return false;
    asking = null;
    answer(prompt);
    return true;
  };
  return {
    ask: () => {
      settle(asking, null);
      return new Promise((resolve) => {
        asking = resolve;
      });
    },
    give: (prompt) => settle(asking, prompt),
    letGo: () => void settle(asking, null),
    letGoIn: (ms) => {
      const asked = asking;
      setTimeout(() => settle(asked, null), ms).unref();
    },
  };
}
