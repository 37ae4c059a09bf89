import type { ErrorCode } from "../../shared/contract/errors.ts";
import type { EmbeddedCloud } from "../fixtures/embedded-cloud.ts";
import type { Cast } from "./cast.ts";
import type { RawRequest } from "./raw-request.ts";

export type Scene = { readonly cloud: EmbeddedCloud; readonly cast: Cast };

/** A request that must be refused. `as` picks the credential; a body that is no text is sent as JSON. */
export type BadCase = {
  readonly name: string;
  readonly code: ErrorCode;
  readonly method?: string;
  readonly path: string;
  /** Undefined: no Authorization header. */
  readonly as: ((scene: Scene) => string) | undefined;
  readonly headers?: (scene: Scene) => RawRequest["headers"];
  readonly body?: string | Buffer | ((scene: Scene) => unknown);
  readonly contentType?: string | null;
};

/** Text that must never come out of a handler's log: it is part of bodies that the table sends. */
export const PAYLOAD_MARKER = "marker-of-a-payload";

export const admin = ({ cloud }: Scene) => cloud.adminKey;
export const root = ({ cloud }: Scene) => cloud.rootKey;
export const agent = ({ cast }: Scene) => cast.keys.agent.secret;
export const submit = ({ cast }: Scene) => cast.keys.submit.secret;
export const operate = ({ cast }: Scene) => cast.keys.operate.secret;
export const worker = ({ cast }: Scene) => cast.worker.token;
export const host = ({ cast }: Scene) => cast.worker.hostToken;
export const rivalAdmin = ({ cast }: Scene) => cast.rivalKey;

/** The request as it goes over the wire. */
export function toRawRequest(bad: BadCase, scene: Scene): RawRequest {
  const { method = "POST", path, as, contentType = "application/json" } = bad;
  const body = typeof bad.body === "function" ? JSON.stringify(bad.body(scene)) : bad.body;
  return {
    method,
    path,
    headers: [
      ...(as ? [["authorization", `Bearer ${as(scene)}`] as const] : []),
      ...(contentType === null || body === undefined ? [] : [["content-type", contentType] as const]),
      ...(bad.headers?.(scene) ?? []),
    ],
    ...(body === undefined ? {} : { body }),
  };
}
