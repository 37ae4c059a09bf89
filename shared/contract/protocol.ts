/** What clients send as `Shim-Protocol`. */
export const PROTOCOL_VERSION = "1";
