/** What the Runtime API answers. */
export type Answer = { readonly headers: Readonly<Record<string, unknown>>; readonly body: string };

/** Asks the Runtime API. */
export type Ask = (method: "GET" | "POST", url: string, body?: string) => Promise<Answer>;
