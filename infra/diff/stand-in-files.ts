/** What AWS would answer when a resource is made, by the resource's name in the stack: over what the stand-in makes up. */
export type Answers = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Files by which sst-diff.ts and its stand-in for Pulumi tell each other, in the throwaway home. */
export const ANSWERS_FILE = "answers.json";
export const RESOURCES_FILE = "resources.json";
