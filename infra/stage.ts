/** Stages whose data outlives their removal, and that nobody removes by mistake. */
const PERMANENT_STAGES: readonly string[] = ["production"];

export function isPermanentStage(stage: string): boolean {
  return PERMANENT_STAGES.includes(stage);
}
