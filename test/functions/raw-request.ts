import { request } from "node:http";
import { buffer } from "node:stream/consumers";

/** A request as it goes over the wire: header lines are sent as given, repeated ones too, and bodies as bytes. */
export type RawRequest = {
  readonly method: string;
  /** Sent as it stands; must hold no space. */
  readonly path: string;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: string | Buffer;
};

export type RawAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The text as JSON, or undefined if it is none. */
  readonly body: unknown;
};

/** Sends a request that `fetch` would tidy up or refuse. */
export async function sendRaw(url: string, raw: RawRequest): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const body = Buffer.from(raw.body ?? "");
  const headers = [
    ["host", `${hostname}:${port}`],
    ...(raw.body === undefined ? [] : [["content-length", String(body.length)]]),
    ...(raw.headers ?? []),
  ].flat();
  const answer = await new Promise<{ status: number; headers: RawAnswer["headers"]; bytes: Buffer }>(
    (resolve, reject) => {
      // Bytes of UTF-8 in a header or path go out as they are only if each is one character.
      const sent = request(
        { hostname, port, method: raw.method, path: raw.path, headers, agent: false },
        (response) => {
          buffer(response).then((bytes) => {
            resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes });
          }, reject);
        },
      );
      sent.on("error", reject);
      sent.end(body);
    },
  );
  const text = answer.bytes.toString();
  return { status: answer.status, headers: answer.headers, text, body: parseJson(text) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Told apart from JSON's null by whoever compares it.
  }
}
