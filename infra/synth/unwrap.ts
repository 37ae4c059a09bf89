/** Pulumi's mark of a wrapped value on the wire, and its mark of a secret. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

/** Plain JSON of a resource's inputs: secrets opened (the synth has only stand-ins), files named as such. */
export function unwrap(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unwrap);
  if (typeof value !== "object" || value === null) return value;
  const fields = value as Record<string, unknown>;
  if (fields[SIGNATURE] === SECRET) return unwrap(fields["value"]);
  if (SIGNATURE in fields || "__pulumiAsset" in fields || "__pulumiArchive" in fields) return "<file>";
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, unwrap(field)]));
}
