import { Resource } from "sst/resource";
import * as z from "zod/mini";

/** A property that may be empty: then, or without the link, null. */
export function optionalLink(name: string, property: string): string | null {
  const resource: unknown = (Resource as unknown as Record<string, unknown>)[name];
  const value = z.looseObject({}).safeParse(resource).data?.[property];
  return typeof value === "string" && value !== "" ? value : null;
}

const Property = z.string().check(z.minLength(1));

/**
 * One property of a linked resource, as SST hands it to a function. Throws, naming the link, if this function was
 * not given it.
 */
export function link(name: string, property: string): string {
  const resource: unknown = (Resource as unknown as Record<string, unknown>)[name];
  const value = z.looseObject({}).safeParse(resource);
  const text = Property.safeParse(value.data?.[property]);
  if (!text.success)
    throw new Error(`The link ${name} has no property ${property}: give this function the link in infra/.`);
  return text.data;
}
