import type { AgentEvent } from "./agent-event.ts";

/** How a supervisor is reached by the hooks of the agent that it starts. */
export type HookEndpoint = {
  /** On loopback; a hook's payload is posted there. */
  readonly url: string;
  /** Sent as a bearer. It is in the environment as `SHIM_HOOK_TOKEN`, never on a command line. */
  readonly token: string;
  /** Command of a hook that must be a process: reads the payload from its input, posts it to `url`, prints the answer. */
  readonly command: readonly string[];
};

export type Launch = {
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
};

export type StartRequest = {
  readonly prompt: string;
  /** The program, and what its user wants to be passed on: `claude --model opus`. */
  readonly program: readonly [string, ...string[]];
  readonly hooks: HookEndpoint;
  /** Which id the agent's own session is to have, where that may be chosen. */
  readonly sessionId: string;
};

/** The hook of an agent that is waiting for an answer. */
export type HookEvent = {
  /** As the agent calls it: `PreToolUse`. */
  readonly name: string;
  readonly sessionId: string | null;
  readonly transcriptPath: string | null;
  readonly cwd: string | null;
  readonly events: readonly AgentEvent[];
};

/** What a hook is answered, before it is put in the agent's own words. */
export type HookDecision =
  | { readonly kind: "pass" }
  /** Of a tool call: it must not run. Of an end: go on with this. */
  | { readonly kind: "deny"; readonly reason: string }
  | { readonly kind: "continue"; readonly prompt: string }
  /** Of a start: what the model is to know before it begins. */
  | { readonly kind: "context"; readonly text: string };

/** The agent's own session, as far as it is on this machine. */
export type OwnSession = { readonly sessionId: string; readonly transcriptPath: string | null };

/**
 * One agent's command line: how it is started, resumed, understood and answered. An adapter holds no state and starts nothing: what
 * is alike for all agents is the supervisor's.
 */
export type AgentAdapter = {
  /** As `shim worker --adapter NAME` and `POST /v1/hooks/NAME` call it. */
  readonly name: string;
  start(request: StartRequest): Launch;
  /** Goes on with its own session. */
  resume(request: StartRequest & { readonly own: OwnSession }): Launch;
  /**
   * The user's own command line with our hooks, for an agent that has the terminal: nothing else of it changes, but that it goes on with
   * its own session, if one is given and the command line names none.
   */
  wrap(program: readonly [string, ...string[]], hooks: HookEndpoint, own?: OwnSession | null): Launch;
  /** One line of its standard output; what is not understood is no event. Keeps no state between lines. */
  parseLine(line: string): readonly AgentEvent[];
  /** A hook's payload, read tolerantly; null if it is none. */
  parseHook(payload: unknown): HookEvent | null;
  /** In the agent's own words; an empty object where nothing needs to be said. */
  answerHook(event: HookEvent, decision: HookDecision): Readonly<Record<string, unknown>>;
  /** Whether its own session can be gone on with: its transcript is there and can be read to its end. */
  readonly isIntact: (own: OwnSession) => Promise<boolean>;
  /** Exact use of tokens and messages, from the transcript's last part. Empty if there is none. */
  readTranscript(own: OwnSession): Promise<readonly AgentEvent[]>;
};
