import * as z from "zod/mini";
import { StartError } from "./start-error.ts";
import type { StateFolder } from "./state-folder.ts";

const CreatedKey = z.object({ secret: z.string() });

/**
 * The admin key of the fleet `default`: the one kept from an earlier start if it still counts, else a new one,
 * which is kept. Throws `StartError` if the API gives none.
 */
export async function ensureAdminKey(url: string, state: StateFolder): Promise<string> {
  const { adminKey, rootKey } = state.credentials;
  if (adminKey !== undefined && (await isValid(url, adminKey))) return adminKey;
  const response = await fetch(`${url}/v1/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${rootKey}`, "content-type": "application/json", "shim-protocol": "1" },
    body: JSON.stringify({ scope: "admin", name: "local" }),
  });
  const text = await response.text();
  if (!response.ok) {
    throw new StartError(
      `The API made no admin key: POST /v1/keys answered ${response.status} ${text}. ` +
        "The lines above this one say why; if the state folder is not needed, start with another one.",
    );
  }
  const { secret } = z.parse(CreatedKey, JSON.parse(text));
  state.saveCredentials({ adminKey: secret });
  return secret;
}

/** A key that is refused for what it is: any other answer is no reason to replace it. */
async function isValid(url: string, key: string): Promise<boolean> {
  const response = await fetch(`${url}/v1/keys`, {
    headers: { authorization: `Bearer ${key}`, "shim-protocol": "1" },
  });
  await response.arrayBuffer();
  return response.status !== 401;
}
