import { ChatCoordinator } from "./chat-coordinator.ts";
import { type Checkpoints, createCheckpoints } from "./checkpoints.ts";
import { createMessageBus, type MessageBus } from "./message-bus.ts";
import { createRegistry, type Registry } from "./registry.ts";
import { SessionBalancer } from "./session-balancer.ts";

// The package's entry `./client`: what its users construct and catch, beside createShim.
export { ApiError, UnavailableError } from "../problem.ts";
export { ChatCoordinator, SessionBalancer };

export type ShimOptions = {
  readonly url: string;
  /** An API key of scope admin, or one that may do what is called. */
  readonly key: string;
  /** This client's name as a host; a fresh one by default. */
  readonly host?: string;
  readonly maxConcurrentChats?: number;
  readonly maxTasksPerSession?: number;
};

export type Shim = {
  readonly registry: Registry;
  readonly coordinator: ChatCoordinator;
  readonly balancer: SessionBalancer;
  readonly messageBus: MessageBus;
  readonly checkpoints: Checkpoints;
  /** Ends this client's chats and its heartbeat. Without it, both end with the process. */
  close(): Promise<void>;
};

/** A client of one fleet. Its chats are kept alive by one background heartbeat, which keeps no process alive. */
export function createShim(options: ShimOptions): Shim {
  const registry = createRegistry(options);
  const messageBus = createMessageBus(registry);
  const { maxConcurrentChats, maxTasksPerSession } = options;
  const coordinator = new ChatCoordinator({ registry, messageBus, maxConcurrentChats });
  const balancer = new SessionBalancer({ coordinator, registry, maxTasksPerSession });
  return {
    registry,
    coordinator,
    balancer,
    messageBus,
    checkpoints: createCheckpoints(registry),
    close: () => registry.close(),
  };
}
