import { type Session, SessionAnswer, SessionsAnswer } from "../../shared/contract/session.ts";
import { createHttp, type Http } from "../http.ts";
import { newId } from "../ids.ts";
import { createAgentApi } from "../worker/agent-api.ts";
import { createHeart } from "../worker/heart.ts";
import { createTurns } from "../worker/turns.ts";
import { type Chat, createChat } from "./chat.ts";
import { createPending, type Pending } from "./pending.ts";

export type ChatOptions = {
  /** Tasks at once. */
  readonly capacity?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly capabilities?: readonly string[];
  /** Topics whose messages the chat reads, beside those to itself and to all. */
  readonly topics?: readonly string[];
  /** Called when something was assigned to the chat and may be claimed; again until it is. */
  readonly onAssigned?: (chatId: string) => void;
};

/** The chats of this client, and the connection everything else of it shares. */
export type Registry = {
  readonly http: Http;
  readonly key: string;
  readonly pending: Pending;
  register(id: string, options?: ChatOptions): Promise<Session>;
  /** Ends a chat; what it held goes to others. */
  end(id: string): Promise<void>;
  /** A chat of this client. Throws if it is none. */
  chat(id: string): Chat;
  chats(): readonly Chat[];
  /** All sessions of the fleet, also of other clients. */
  list(): Promise<Session[]>;
  get(id: string): Promise<Session>;
  /** Capacity of chats registered from now on without one. */
  setDefaultCapacity(capacity: number): void;
  /** Ends all chats of this client and its heartbeat. */
  close(): Promise<void>;
};

const PAGES_LIMIT = 200;

export function createRegistry(options: {
  readonly url: string;
  readonly key: string;
  readonly host?: string;
}): Registry {
  const http = createHttp(options.url);
  const { key } = options;
  const host = options.host ?? newId("client");
  const boot = newId("boot");
  const api = createAgentApi(http, key);
  const heart = createHeart({ host, boot, api, log: () => undefined, ref: false });
  const pending = createPending();
  // All chats are of one host: registered one after the other they do not collide there.
  const inTurn = createTurns();
  const chats = new Map<string, Chat>();
  // Unless somebody says, the fleet does.
  let defaultCapacity: number | undefined;

  async function register(id: string, chatOptions: ChatOptions): Promise<Session> {
    const {
      labels = {},
      capabilities = [],
      topics = [],
      capacity = defaultCapacity,
      onAssigned,
    } = chatOptions;
    await chats.get(id)?.end();
    const words = { labels, capabilities: [...capabilities], topics: [...topics] };
    const request = { id, host, boot, agent: "client", ...words, capacity };
    const chat = createChat({ request, api, heart, onAssigned, track: (call) => void pending.track(call) });
    chats.set(id, chat);
    try {
      return await inTurn(() => chat.start());
    } catch (error) {
      chats.delete(id);
      await chat.end();
      throw error;
    }
  }

  return {
    http,
    key,
    pending,
    register: (id, chatOptions = {}) => pending.track(register(id, chatOptions)),
    chat(id) {
      const chat = chats.get(id);
      if (chat) return chat;
      throw new Error(`This client has no chat ${id}. Register it here first.`);
    },
    chats: () => [...chats.values()],
    async end(id) {
      const chat = chats.get(id);
      chats.delete(id);
      await chat?.end();
    },
    async list() {
      await pending.settle();
      return await listSessions(http, key);
    },
    async get(id) {
      await pending.settle();
      const path = `/v1/sessions/${id}`;
      return (await http({ method: "GET", path, answer: SessionAnswer, bearer: key })).session;
    },
    setDefaultCapacity: (capacity) => {
      defaultCapacity = capacity;
    },
    async close() {
      heart.stop();
      const ending = [...chats.values()];
      chats.clear();
      await Promise.all(ending.map((chat) => chat.end()));
    },
  };
}

async function listSessions(http: Http, key: string): Promise<Session[]> {
  const all: Session[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < PAGES_LIMIT; page += 1) {
    const path: string =
      cursor === null ? "/v1/sessions" : `/v1/sessions?cursor=${encodeURIComponent(cursor)}`;
    const answer = await http({ method: "GET", path, answer: SessionsAnswer, bearer: key });
    all.push(...answer.sessions);
    cursor = answer.cursor;
    if (cursor === null) break;
  }
  return all;
}
