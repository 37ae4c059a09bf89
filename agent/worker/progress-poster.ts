import type { ProgressLine } from "./command-output.ts";

const POST_INTERVAL_MS = 1_000;

/** Sends a task's latest progress at most once a second, and nothing when it did not change. */
export type ProgressPoster = { update(progress: ProgressLine): void; stop(): void };

export function createProgressPoster(
  post: (progress: ProgressLine) => Promise<void>,
  intervalMs = POST_INTERVAL_MS,
): ProgressPoster {
  let latest: ProgressLine | null = null;
  let busy = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  async function send(): Promise<void> {
    if (latest === null || busy || stopped) return;
    const progress = latest;
    latest = null;
    busy = true;
    await post(progress);
    timer = setTimeout(() => {
      busy = false;
      void send();
    }, intervalMs);
  }

  let sent = "";
  return {
    update(progress) {
      const key = JSON.stringify(progress);
      if (key === sent) return;
      sent = key;
      latest = progress;
      void send();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
