/** Lets one loop sleep until something happened, without missing what happened before it slept. */
export type Bell = { ring(): void; wait(): Promise<void> };

export function createBell(): Bell {
  let rung = false;
  let wake: (() => void) | null = null;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    async wait() {
      if (!rung)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      rung = false;
      wake = null;
    },
  };
}
