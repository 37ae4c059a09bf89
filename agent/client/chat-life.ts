import type { RegisterRequest, Session } from "../../shared/contract/session.ts";
import { newId } from "../ids.ts";
import type { AgentApi } from "../worker/agent-api.ts";
import type { Heart } from "../worker/heart.ts";
import { monotonicMs } from "../worker/monotonic.ts";
import { registerSession, type Registration } from "../worker/register-session.ts";

/** The starts of one chat, one after the other. */
export type ChatLife = {
  /** One try: whoever registers a chat hears of a failure. */
  readonly start: () => Promise<Session>;
  /** In the background, through outages, until it succeeds or the chat is ended. */
  restart(): void;
  renew(token: string): void;
  /** Of the start that is registered, or null. */
  epoch(): number | null;
  /** The start that is registered. Throws if none is. */
  now(): { readonly epoch: number; readonly token: string };
  end(): Promise<void>;
};

export type ChatLifeParts = {
  readonly request: RegisterRequest & { readonly id: string };
  readonly api: AgentApi;
  readonly heart: Heart;
  /** Later calls wait for a registration in the background, and say so if it failed. */
  readonly track: (call: Promise<unknown>) => void;
};

/** `onChange` hears of each start and restart: what the last start held is not ours any more. */
export function createChatLife(parts: ChatLifeParts, onChange: () => void): ChatLife {
  const { request, api, heart } = parts;
  const ended = new AbortController();
  let current: { readonly epoch: number; readonly token: string } | null = null;

  function adopt({ answer, sentAtMs }: Registration): Session {
    onChange();
    current = { epoch: answer.session.epoch, token: answer.token };
    heart.adopt(answer.heartbeat, answer.hostToken, sentAtMs);
    return answer.session;
  }

  return {
    async start() {
      const sentAtMs = monotonicMs();
      return adopt({ answer: await api.register(request, heart.hostToken(), newId("reg")), sentAtMs });
    },
    restart() {
      current = null;
      onChange();
      const options = { patient: true, signal: ended.signal, log: () => undefined };
      const again = registerSession(api, request, heart.hostToken, options);
      parts.track(again.then((registration) => registration && adopt(registration)));
    },
    renew(token) {
      if (current) current = { ...current, token };
    },
    epoch: () => current?.epoch ?? null,
    now() {
      if (current) return current;
      throw new Error(
        `Chat ${request.id} is not registered: it ended, or its registration is under way. Register it and wait for that.`,
      );
    },
    async end() {
      ended.abort();
      const last = current;
      current = null;
      if (last) await api.end(request.id, last.token, { reason: "stopped" });
    },
  };
}
