/** Routes of the protocol that are not built yet. A client learns so by `route.not_implemented`, never by a 404. */
export const NOT_IMPLEMENTED: readonly (readonly [method: "GET" | "POST", path: string])[] = [["GET", "/"]];
