import {
  type BalancePolicy,
  LoadAnswer,
  type Move,
  RebalanceAnswer,
  type RebalanceRequest,
} from "../../shared/contract/fleet.ts";
import type { ChatCoordinator } from "./chat-coordinator.ts";
import type { Registry } from "./registry.ts";

export type SessionBalancerOptions = {
  readonly coordinator: ChatCoordinator;
  readonly registry: Registry;
  /** Capacity of chats registered from now on without one; if it is not said, the fleet's. */
  readonly maxTasksPerSession?: number;
  /** Milliseconds. Kept for its users' sake: the server's sweep balances, at its own interval. */
  readonly balancingInterval?: number;
};

export type LoadMetrics = {
  readonly chatId: string;
  readonly currentTasks: number;
  readonly utilizationRate: number;
};

/** Chooses chats by their load, and has the server balance them. A class because its users write `new`. */
export class SessionBalancer {
  readonly coordinator: ChatCoordinator;
  readonly #registry: Registry;

  constructor({ coordinator, registry, maxTasksPerSession }: SessionBalancerOptions) {
    this.coordinator = coordinator;
    this.#registry = registry;
    if (maxTasksPerSession !== undefined) registry.setDefaultCapacity(maxTasksPerSession);
  }

  /** Sets the fleet's policy: the server goes on balancing also when this client is gone. Need not be awaited. */
  startAutoBalancing(): Promise<readonly Move[]> {
    return this.#registry.pending.track(this.#set({ auto: true }));
  }

  /** Need not be awaited. */
  stopAutoBalancing(): Promise<readonly Move[]> {
    return this.#registry.pending.track(this.#set({ auto: false }));
  }

  /** Sets how the server chooses sessions for tasks. Need not be awaited. */
  setPolicy(policy: BalancePolicy): Promise<readonly Move[]> {
    return this.#registry.pending.track(this.#set({ policy }));
  }

  async getAllLoadMetrics(): Promise<LoadMetrics[]> {
    const { http, key, pending } = this.#registry;
    await pending.settle();
    const load = await http({ method: "GET", path: "/v1/load", answer: LoadAnswer, bearer: key });
    return load.map(({ sessionId, ...metrics }) => ({ chatId: sessionId, ...metrics }));
  }

  /** The id of the least utilised chat with room; null if none has any. Equal ones: the first by id. */
  async selectSession(): Promise<string | null> {
    const withRoom = (await this.getAllLoadMetrics()).filter((metrics) => metrics.utilizationRate < 1);
    const [best] = withRoom.sort(
      (a, b) => a.utilizationRate - b.utilizationRate || (a.chatId < b.chatId ? -1 : 1),
    );
    return best?.chatId ?? null;
  }

  async #set(body: RebalanceRequest): Promise<readonly Move[]> {
    const { http, key } = this.#registry;
    return (
      await http({
        method: "POST",
        path: "/v1/rebalance",
        answer: RebalanceAnswer,
        bearer: key,
        body,
      })
    ).moved;
  }
}
