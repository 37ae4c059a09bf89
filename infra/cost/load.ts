/** How much a fleet does. */
export type FleetLoad = {
  readonly agents: number;
  /** Seconds between two beats of a host. */
  readonly intervalS: number;
  readonly tasksPerDay: number;
};

/** Sessions that one supervisor beats for. */
export const SESSIONS_PER_HOST = 10;
export const TASKS_PER_SUBMISSION = 20;
/** A checkpoint of each agent that works, so often and of so many stored bytes. */
export const CHECKPOINT_EVERY_MINUTES = 10;
export const CHECKPOINT_BYTES = 50_000;
/** Tool calls of each agent that works. */
export const TOOL_CALLS_PER_HOUR = 30;
/** A month, on average of four years, in days. */
export const MONTH_DAYS = 30.4375;
export const MONTH_S = MONTH_DAYS * 86_400;
export const MONTH_MINUTES = MONTH_S / 60;

/** What happens in a month. */
export function ratesOf({ agents, intervalS, tasksPerDay }: FleetLoad) {
  const hosts = Math.ceil(agents / SESSIONS_PER_HOST);
  return {
    hosts,
    hostBeats: (hosts * MONTH_S) / intervalS,
    agentBeats: (agents * MONTH_S) / intervalS,
    tasks: tasksPerDay * MONTH_DAYS,
    toolCalls: (agents * TOOL_CALLS_PER_HOUR * MONTH_MINUTES) / 60,
    checkpoints: (agents * MONTH_MINUTES) / CHECKPOINT_EVERY_MINUTES,
  };
}
