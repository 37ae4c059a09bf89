import { ProfileName } from "../contract/profile.ts";
import { type SigningKeys, parseSigningKeys } from "../domain/tokens.ts";
import type { Settings } from "../ports/ports.ts";
import { link } from "./links.ts";

let signingKeys: SigningKeys | undefined;

/** What the deployment fixes, read when first needed, so that a function needs no link it does not use. */
export const settings: Settings = {
  get defaultProfile() {
    return ProfileName.parse(process.env["SHIM_DEFAULT_PROFILE"] ?? "standard");
  },
  get heartbeatUrl() {
    return link("HeartbeatEndpoint", "url");
  },
  get signingKeys() {
    return (signingKeys ??= parseSigningKeys(link("TokenKeys", "value")));
  },
};
