import { FUNCTION_LINKS } from "../../infra/links.ts";
import type { FunctionName } from "../../infra/routes.ts";

/** What every function finds, whatever it is linked to. */
const EVERYWHERE = /^(AWS_|SHIM_DEFAULT_PROFILE$|SST_RESOURCE_App$)/;

/**
 * What a function finds in its environment when it is deployed, of what the embedded cloud has put into this process's:
 * the links that it is given, and no others.
 */
export function deployedEnvironment(name: FunctionName): Record<string, string> {
  const links = new Set(FUNCTION_LINKS[name].map((link) => `SST_RESOURCE_${link}`));
  const given = Object.entries(process.env).filter(([key]) => links.has(key) || EVERYWHERE.test(key));
  return Object.fromEntries(given.map(([key, value]) => [key, value ?? ""]));
}
