import type { Route } from "../../shared/contract/api.ts";
import type { Refusal } from "../../shared/contract/errors.ts";
import { Id } from "../../shared/contract/ids.ts";
import type { Ports } from "../../shared/ports/ports.ts";
import { type App, type BodyOf, type Request, serve } from "./endpoint.ts";

/** What a path names by its id. */
export type Things = {
  readonly find: (ports: Ports, fleet: string, id: string) => Promise<object | null>;
  readonly absent: Refusal;
};

/** Serves a route under one thing's id. An id that cannot exist is one that does not. */
export function serveById<R extends Route>(
  app: App,
  route: R,
  { find, absent }: Things,
  run: (id: string, request: Request<BodyOf<R>>) => Promise<object>,
): void {
  serve(app, route, {
    missing: async ({ ports, fleet, params }) => {
      const id = Id.safeParse(params["id"]);
      return id.success && (await find(ports, fleet, id.data)) ? null : absent;
    },
    run: async (request) => {
      const id = Id.safeParse(request.params["id"]);
      return id.success ? run(id.data, request) : absent;
    },
  });
}
