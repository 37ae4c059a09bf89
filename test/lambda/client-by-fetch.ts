// A runtime client that asks by fetch, as those of a few lines do.
import { runFunction } from "./runtime-client.ts";

await runFunction(async (method, url, body) => {
  const response = await fetch(url, { method, body });
  return { headers: Object.fromEntries(response.headers), body: await response.text() };
});
