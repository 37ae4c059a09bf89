import { ALLOWANCES, PRICES, type PriceName } from "./prices.ts";

/** So much of something a month, for some purpose. */
export type Quantity = {
  readonly purpose: string;
  readonly price: PriceName;
  readonly amount: number;
  /** Whether it was counted on the real handlers, computed from sizes and rates, or taken from a vendor's documentation. */
  readonly basis: "counted" | "computed" | "documented";
};

/** A line of a bill, in US dollars a month. A line without a sum is of a part that is not built yet. */
export type Line = Omit<Quantity, "amount" | "price"> & {
  readonly price: PriceName | null;
  readonly amount: number | null;
  readonly usd: number | null;
};

/** What quantities cost at list prices. */
export function linesOf(quantities: readonly Quantity[]): Line[] {
  return quantities.map((quantity) => {
    const { usd, per } = PRICES[quantity.price];
    return { ...quantity, usd: (quantity.amount / per) * usd };
  });
}

export const totalOf = (lines: readonly Line[]): number =>
  lines.reduce((total, { usd }) => total + (usd ?? 0), 0);

/** The same after what an account never pays for, if it has nothing else that uses it up. */
export function afterAllowances(quantities: readonly Quantity[]): number {
  const amounts = new Map<PriceName, number>();
  for (const { price, amount } of quantities) amounts.set(price, (amounts.get(price) ?? 0) + amount);
  const rest = [...amounts].map(([price, amount]) => {
    const { usd, per } = PRICES[price];
    return (Math.max(0, amount - (ALLOWANCES[price] ?? 0)) / per) * usd;
  });
  return rest.reduce((total, usd) => total + usd, 0);
}
