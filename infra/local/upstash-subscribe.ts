import type { ServerResponse } from "node:http";
import type { Redis } from "ioredis";

export type SubscribeKind = "subscribe" | "psubscribe";

/**
 * Streams messages as server-sent events (`data: message,CHANNEL,TEXT`) until the client goes away. The
 * connection is this stream's own: a subscribed connection takes no other commands.
 */
export async function streamMessages(
  kind: SubscribeKind,
  channels: readonly string[],
  connection: Redis,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, {
    "content-type": "text/event-stream",
    "cache-control": "no-cache",
    connection: "keep-alive",
  });
  // A line break would end the event, so a text of several lines becomes several data lines of one event.
  const write = (...parts: string[]) =>
    response.write(`data: ${parts.join(",").replaceAll("\n", "\ndata: ")}\n\n`);
  connection.on("message", (channel: string, text: string) => write("message", channel, text));
  connection.on("pmessage", (pattern: string, channel: string, text: string) =>
    write("pmessage", pattern, channel, text),
  );
  connection.once("end", () => response.end());
  response.once("close", () => {
    endSubscription(kind, connection).catch(() => undefined); // Redis is gone, and the subscription with it.
  });
  for (const [index, channel] of channels.entries()) {
    await connection[kind](channel);
    write(kind, channel, String(index + 1));
  }
}

/** js-redis-server notices no disconnection, so the subscription is ended before the connection. */
async function endSubscription(kind: SubscribeKind, connection: Redis): Promise<void> {
  try {
    await (kind === "subscribe" ? connection.unsubscribe() : connection.punsubscribe());
  } finally {
    connection.disconnect();
  }
}
