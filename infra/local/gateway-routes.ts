export type RouteMatch<T> = {
  routeKey: string;
  target: T;
  pathParameters: Record<string, string> | undefined;
};

type Route<T> = { routeKey: string; target: T; method: string; segments: string[] };

/**
 * Chooses among routes as API Gateway does: the most specific path wins, a named method beats ANY, a greedy
 * `{proxy+}` takes at least one segment, and `$default` takes what is left. Undefined without a `$default`.
 */
export function createRouter<T>(routes: readonly (readonly [route: string, target: T])[]) {
  const parsed = routes.map(parseRoute).sort((left, right) => compareRoutes(left, right));
  return (method: string, path: string): RouteMatch<T> | undefined => {
    for (const route of parsed) {
      const pathParameters = matchRoute(route, method, path);
      if (pathParameters === undefined) continue;
      const found = Object.keys(pathParameters).length > 0 ? pathParameters : undefined;
      return { routeKey: route.routeKey, target: route.target, pathParameters: found };
    }
    return undefined;
  };
}

function parseRoute<T>([routeKey, target]: readonly [string, T]): Route<T> {
  const [method = "", path = ""] = routeKey.split(" ");
  return { routeKey, target, method, segments: path.split("/").slice(1) };
}

function matchRoute<T>(route: Route<T>, method: string, path: string): Record<string, string> | undefined {
  if (route.method === "$default") return {};
  if (route.method !== "ANY" && route.method !== method) return undefined;
  const given = path.split("/").slice(1);
  const parameters: Record<string, string> = {};
  for (const [index, segment] of route.segments.entries()) {
    const value = given[index];
    if (value === undefined) return undefined;
    if (isGreedy(segment)) {
      const rest = given.slice(index).join("/");
      return rest === "" ? undefined : { ...parameters, [segment.slice(1, -2)]: rest };
    }
    if (isVariable(segment)) {
      if (value === "") return undefined;
      parameters[segment.slice(1, -1)] = value;
    } else if (segment !== value) return undefined;
  }
  return given.length === route.segments.length ? parameters : undefined;
}

function compareRoutes(left: Route<unknown>, right: Route<unknown>): number {
  return rankOf(left) < rankOf(right) ? -1 : 1;
}

/** A text whose order is the order in which routes are tried. */
function rankOf({ method, segments }: Route<unknown>): string {
  if (method === "$default") return "~";
  const path = segments
    .map((segment) => (isGreedy(segment) ? "3" : isVariable(segment) ? "2" : "1"))
    .join("");
  return `${path.padEnd(32, "0")}${method === "ANY" ? "1" : "0"}`;
}

function isGreedy(segment: string): boolean {
  return segment.startsWith("{") && segment.endsWith("+}");
}

function isVariable(segment: string): boolean {
  return segment.startsWith("{") && segment.endsWith("}");
}
