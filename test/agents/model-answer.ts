/** What a model says: a text, a tool call, or both. */
export type ModelAnswer = {
  readonly id: string;
  readonly model: string;
  readonly text: string | null;
  readonly call: { readonly name: string; readonly input: object } | null;
  readonly usage: { readonly input: number; readonly output: number };
};

/** The same answer whole, and as the events of a stream. */
export type Encoded = {
  readonly whole: object;
  readonly events: readonly { readonly type: string; readonly [field: string]: unknown }[];
};
