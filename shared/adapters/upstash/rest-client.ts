import { Agent as HttpAgent, request as httpRequest } from "node:http";
import type { RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Requester } from "@upstash/redis/cloudflare";

/** One request of the REST protocol, as it goes over the wire. */
export type RestRequest = {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};
export type RestAnswer = { readonly status: number; readonly text: string; readonly syncToken: string };

/** Sends one request, once. */
export type SendRest = (request: RestRequest, timeoutMs: number) => Promise<RestAnswer>;

/** One request with all its tries, in milliseconds: longer than Redis ever takes, shorter than a heartbeat may wait. */
export const REQUEST_TIMEOUT_MS = 1_800;
/** How often a request without an answer is sent again. */
const RETRIES = 2;
const BACKOFF_BASE_MS = 50;

/** What Redis, or whoever stands before it, refused. Named as the package's own, which knows it by its name. */
class UpstashError extends Error {
  override readonly name = "UpstashError";
}

/**
 * What the commands of the Upstash client are sent by. Its own way is `fetch`, whose streams, signals and header objects
 * cost a request more than all else that we do for it.
 */
export function createRestClient({
  token,
  send,
}: {
  readonly token: string;
  readonly send: SendRest;
}): Requester {
  // What is read after a write of this client's is read from a replica that has it.
  let syncToken = "";

  async function ask(request: RestRequest): Promise<RestAnswer> {
    const untilMs = performance.now() + REQUEST_TIMEOUT_MS;
    for (let retry = 0; ; retry++) {
      try {
        return await send(request, untilMs - performance.now());
      } catch (error) {
        const pauseMs = Math.random() * BACKOFF_BASE_MS * 2 ** retry;
        if (retry >= RETRIES || performance.now() + pauseMs >= untilMs) throw error;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }

  return {
    async request({ path = [], body }) {
      const headers = {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        "upstash-sync-token": syncToken,
      };
      const answer = await ask({ path: `/${path.join("/")}`, headers, body: JSON.stringify(body) });
      const reply = parseReply(answer);
      if (answer.status >= 400) throw new UpstashError(reply.error ?? `status ${answer.status}`);
      ({ syncToken } = answer);
      return reply;
    },
  };
}

function parseReply({ status, text }: RestAnswer): { readonly error?: string } {
  try {
    return JSON.parse(text) as { error?: string };
  } catch (error) {
    throw new Error(`Redis answered ${status} with what is not JSON.`, { cause: error });
  }
}

/** Sends requests over connections that are kept. */
export function createRestSender(url: string): SendRest {
  const { protocol, hostname, port, pathname } = new URL(url);
  const secure = protocol === "https:";
  const start = secure ? httpsRequest : httpRequest;
  const agent = new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true });
  const base = pathname.replace(/\/$/, "");
  const target: RequestOptions = { method: "POST", hostname, agent, ...(port === "" ? {} : { port }) };

  return ({ path, headers, body }, timeoutMs) =>
    new Promise((resolve, reject) => {
      const request = start({ ...target, path: base + path, headers }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.once("end", () => {
          clearTimeout(timer);
          const syncToken = String(response.headers["upstash-sync-token"] ?? "");
          resolve({ status: response.statusCode ?? 0, text, syncToken });
        });
        response.on("error", fail);
      });
      const timer = setTimeout(() => {
        request.destroy(new Error("Redis did not answer in time."));
      }, timeoutMs);
      const fail = (error: Error): void => {
        clearTimeout(timer);
        reject(error);
      };
      request.on("error", fail);
      request.end(body);
    });
}
