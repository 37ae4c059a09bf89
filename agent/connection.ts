import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import * as z from "zod/mini";
import { UsageError } from "./problem.ts";

export type Connection = { readonly url: string; readonly key: string };

const Credentials = z.object({ url: z.string(), adminKey: z.string() });
const CREDENTIALS_FILE = path.join(".shim", "credentials.json");

/**
 * Where the server is and which key to use: options first, then SHIM_URL and SHIM_KEY, then the nearest
 * `.shim/credentials.json` from `cwd` upward, which a local server writes.
 */
export function findConnection(
  options: { url?: string | undefined; key?: string | undefined },
  env: NodeJS.ProcessEnv,
  cwd: string,
): Connection {
  const url = options.url ?? env.SHIM_URL;
  const key = options.key ?? env.SHIM_KEY;
  if (url && key) return { url: checkUrl(url), key };
  const local = readCredentials(cwd);
  // A local server's key is never sent to another server.
  if (local && (!url || sameOrigin(url, local.url)))
    return { url: checkUrl(url ?? local.url), key: key ?? local.adminKey };
  const missing = url ? "key" : key ? "URL" : "URL and key";
  throw new UsageError(
    `No ${missing} of a server. Give --url and --key, or set SHIM_URL and SHIM_KEY, or run "npm start" here, which writes ${CREDENTIALS_FILE}.`,
  );
}

function readCredentials(cwd: string): z.infer<typeof Credentials> | null {
  for (let folder = path.resolve(cwd); ; folder = path.dirname(folder)) {
    const file = path.join(folder, CREDENTIALS_FILE);
    if (existsSync(file)) {
      try {
        return Credentials.parse(JSON.parse(readFileSync(file, "utf8")));
      } catch (error) {
        throw new UsageError(
          `${file} is not {"url", "adminKey"}. Remove it, or start the local server again.`,
          { cause: error },
        );
      }
    }
    if (folder === path.dirname(folder)) return null;
  }
}

function checkUrl(url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  throw new UsageError(`"${url}" is not an http or https URL. Give one such as https://example.com.`);
}

function sameOrigin(a: string, b: string): boolean {
  return URL.canParse(a) && URL.canParse(b) && new URL(a).origin === new URL(b).origin;
}
