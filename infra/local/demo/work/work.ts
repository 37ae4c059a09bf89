export type DemoTask = {
  readonly id: string;
  readonly type: string;
  /** A folder or a file of the repository; empty where the type needs none. */
  readonly data: { readonly area: string; readonly file: string };
  readonly dependsOn: readonly string[];
};

/** What one task found, for a person (`summary`) and for the report. */
export type Finding = { readonly summary: string; readonly [number: string]: string | number };

/** Does a task's work on the files of its worktree. Throws if it could not be done. */
export type Work = (task: DemoTask, worktree: string) => Promise<Finding>;
