/** Something of each of a fleet's sessions. Names are looked up one by one, so that none is put together for a look. */
export type ByFleet<T> = {
  get(fleet: string, id: string): T | null;
  set(fleet: string, id: string, value: T): void;
  of(fleet: string): ReadonlyMap<string, T>;
  clear(): void;
  /** Remembers all values, which must never change; calling what it returns brings them back. */
  save(): () => void;
};

export function createByFleet<T extends object>(): ByFleet<T> {
  let fleets = new Map<string, Map<string, T>>();
  const copyOf = (from: ReadonlyMap<string, ReadonlyMap<string, T>>) =>
    new Map([...from].map(([fleet, values]) => [fleet, new Map(values)]));

  return {
    get: (fleet, id) => fleets.get(fleet)?.get(id) ?? null,
    set(fleet, id, value) {
      const values = fleets.get(fleet) ?? new Map<string, T>();
      fleets.set(fleet, values.set(id, value));
    },
    of: (fleet) => fleets.get(fleet) ?? new Map<string, T>(),
    clear() {
      fleets.clear();
    },
    save() {
      const saved = copyOf(fleets);
      return () => {
        fleets = copyOf(saved);
      };
    },
  };
}
