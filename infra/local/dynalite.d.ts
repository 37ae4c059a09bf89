declare module "dynalite" {
  import type { Server } from "node:http";

  type DynaliteOptions = {
    /** Folder of the LevelDB store; in memory without it. */
    path?: string;
    /** How long a new table says CREATING. */
    createTableMs?: number;
  };
  function dynalite(options: DynaliteOptions): Server;
  export = dynalite;
}
