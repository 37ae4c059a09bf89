import type { UnitRecord } from "../../contract/experiments.ts";
import type { MetricName } from "../../contract/parameters.ts";
import type { DayRollup, KindRollup, Moments, Spread } from "../../contract/rollup.ts";
import { covariateKey } from "./totals.ts";

/** A bin of a spread is this many times as wide as the one before. */
export const BIN_FACTOR = 1.1;
/** Values below a millionth and above three years' milliseconds share the outermost bins: nothing that is measured is there. */
const BINS = [-145, 265] as const;
/** Groups and hosts kept of a day, each. */
const KEYS_LIMIT = 200;
/** Values kept of a fact that is a word. */
const WORDS_LIMIT = 20;
/** Cells of a fact that is a number: what is larger counts as the last. */
const CELLS_LIMIT = 40;
/** What is not kept by name. No id and no type is called so. */
export const OTHERS = "*";

/** Facts that hazards are read from, and how their values are put together: by equal steps, or by powers of two. */
const FACTS: Readonly<Record<string, { readonly step: number } | { readonly from: number }>> = {
  contextUsed: { step: 0.05 },
  durationMs: { from: 60_000 },
  toolCalls: { from: 1 },
  checkpointAgeMs: { from: 15_000 },
  sessions: { step: 1 },
  crashes: { step: 1 },
  heldTasks: { step: 1 },
};
/** Facts that are words. */
const WORDS: ReadonlySet<string> = new Set(["activity", "endedBy", "zone"]);
/** Facts that crashed sessions are told apart by, beside all sessions: as `crash:name=value`. */
const CRASH_FACTS: ReadonlySet<string> = new Set(["contextUsed"]);

/** Of whom a distribution of their own is kept, as a parameter that is used for them alone can move no others. */
const PARTS: Readonly<Record<UnitRecord["kind"], Readonly<Record<string, (unit: UnitRecord) => boolean>>>> = {
  task: {
    retried: ({ outcome }) => (outcome.values.attempts ?? 0) >= 2,
    resumed: ({ facts }) => numberOf(facts.sessions) >= 2,
    /** By one crash, and completed by the next attempt. */
    resumedOnce: ({ facts, outcome: { values } }) =>
      numberOf(facts.crashes) === 1 && values.attempts === 2 && values.completed === 1,
  },
  session: { crashed: ({ outcome }) => (outcome.values.crashed ?? 0) > 0 },
};

const numberOf = (value: number | string | undefined): number => (typeof value === "number" ? value : 0);

type Table = Map<string, Map<MetricName, Moments>>;
type Spreads<K> = Map<K, Spread>;
type Kind = {
  n: number;
  metrics: Spreads<MetricName>;
  groups: Table;
  hosts: Table;
  cells: Table;
  parts: Map<string, Spreads<MetricName>>;
  facts: Spreads<string>;
};
export type Rollup = Record<UnitRecord["kind"], Kind>;

const newKind = (): Kind => ({
  n: 0,
  metrics: new Map(),
  groups: new Map(),
  hosts: new Map(),
  cells: new Map(),
  parts: new Map(),
  facts: new Map(),
});

/** Nothing yet. */
export const createRollup = (): Rollup => ({ task: newKind(), session: newKind() });

/** Adds a unit that ended, in place: a day has up to a million. What is not known of it is left out. */
export function addToRollup(rollup: Rollup, unit: UnitRecord): void {
  const kind = rollup[unit.kind];
  kind.n += 1;
  const values = Object.entries(unit.outcome.values) as [MetricName, number | undefined][];
  const known = values.filter((entry): entry is [MetricName, number] => Number.isFinite(entry[1]));
  for (const [metric, value] of known) addSpread(kind.metrics, metric, value);
  const group = unit.kind === "task" ? covariateKey(unit.type, unit.repository) : (unit.agent ?? "");
  addMoments(kind.groups, group, known);
  if (unit.host !== null) addMoments(kind.hosts, unit.host, known);
  for (const [name, isOf] of Object.entries(PARTS[unit.kind]))
    if (isOf(unit)) {
      let part = kind.parts.get(name);
      if (!part) kind.parts.set(name, (part = new Map<MetricName, Spread>()));
      for (const [metric, value] of known) addSpread(part, metric, value);
    }
  addFacts(kind, unit, known);
}

function addFacts(kind: Kind, unit: UnitRecord, known: readonly [MetricName, number][]): void {
  const crashed = unit.kind === "session" && (unit.outcome.values.crashed ?? 0) > 0;
  for (const [name, value] of Object.entries(unit.facts)) {
    const cell = cellOf(name, value);
    if (cell === null) continue;
    if (typeof value === "number") addSpread(kind.facts, name, value);
    addMoments(kind.cells, cell, known);
    if (crashed && CRASH_FACTS.has(name)) addMoments(kind.cells, `crash:${cell}`, known);
  }
}

/** The cell that a fact's value is in, as `name=value` or `name=lower edge`; null if nobody asks for it. */
export function cellOf(name: string, value: number | string): string | null {
  if (typeof value === "string") return WORDS.has(name) ? `${name}=${value}` : null;
  const fact = Object.hasOwn(FACTS, name) ? FACTS[name] : undefined;
  if (!fact || !Number.isFinite(value) || value < 0) return null;
  if ("step" in fact) return `${name}=${Math.min(CELLS_LIMIT, Math.floor(value / fact.step + 1e-9))}`;
  if (value < fact.from) return `${name}=0`;
  return `${name}=${fact.from * 2 ** Math.min(CELLS_LIMIT, Math.floor(Math.log2(value / fact.from)))}`;
}

/** Cells of a fact that is a number, in its order: lower edges, where it ends, and what units in it came to. */
export function cellsOf(
  { cells }: KindRollup,
  name: string,
): { from: number; to: number; row: Partial<Record<MetricName, Moments>> }[] {
  const fact = FACTS[name.replace(/^crash:/, "")];
  if (!fact) return [];
  return Object.entries(cells)
    .flatMap(([key, row]) => {
      if (!key.startsWith(`${name}=`)) return [];
      const at = Number(key.slice(name.length + 1));
      if ("step" in fact) return [{ from: at * fact.step, to: (at + 1) * fact.step, row }];
      return [{ from: at, to: at === 0 ? fact.from : at * 2, row }];
    })
    .sort((a, b) => a.from - b.from);
}

/** Cells of a fact that is a word. */
export function wordsOf(
  { cells }: KindRollup,
  name: string,
): { word: string; row: Partial<Record<MetricName, Moments>> }[] {
  return Object.entries(cells)
    .flatMap(([key, row]) => (key.startsWith(`${name}=`) ? [{ word: key.slice(name.length + 1), row }] : []))
    .sort((a, b) => (a.word < b.word ? -1 : 1));
}

function addSpread<K>(spreads: Spreads<K>, key: K, value: number): void {
  let spread = spreads.get(key);
  if (!spread) spreads.set(key, (spread = { n: 0, y: 0, yy: 0, bins: {} }));
  add(spread, value);
  const bin = binOf(value);
  spread.bins[bin] = (spread.bins[bin] ?? 0) + 1;
}

/** 0 is a bin of its own: many metrics are mostly zero. */
const binOf = (value: number): string => {
  if (value <= 0) return "zero";
  const bin = Math.floor(Math.log(value) / Math.log(BIN_FACTOR));
  return String(Math.max(BINS[0], Math.min(BINS[1], bin)));
};

function addMoments(table: Table, key: string, known: readonly [MetricName, number][]): void {
  let row = table.get(key);
  if (!row) table.set(key, (row = new Map<MetricName, Moments>()));
  for (const [metric, value] of known) {
    let moments = row.get(metric);
    if (!moments) row.set(metric, (moments = { n: 0, y: 0, yy: 0 }));
    add(moments, value);
  }
}

function add(moments: Moments, value: number): void {
  moments.n += 1;
  moments.y += value;
  moments.yy += value * value;
}

/** As the record keeps it: bounded, and the same whatever order the units came in. */
export function rollupOf(rollup: Rollup, fleet: string, day: number): DayRollup {
  return { v: 1, fleet, day, task: kindOf(rollup.task), session: kindOf(rollup.session) };
}

const kindOf = ({ n, metrics, groups, hosts, cells, parts, facts }: Kind): KindRollup => ({
  n,
  metrics: Object.fromEntries(metrics),
  groups: recordOf(bounded(groups, KEYS_LIMIT, OTHERS)),
  hosts: recordOf(bounded(hosts, KEYS_LIMIT, OTHERS)),
  cells: recordOf(boundedWords(cells)),
  parts: Object.fromEntries([...parts].map(([name, spreads]) => [name, Object.fromEntries(spreads)])),
  facts: Object.fromEntries(facts),
});

const recordOf = (table: Table): KindRollup["groups"] =>
  Object.fromEntries([...table].map(([key, row]) => [key, Object.fromEntries(row)]));

/** The most frequent by name, and the rest together as `others`. */
function bounded(table: Table, limit: number, others: string): Table {
  const size = (row: Map<MetricName, Moments>) => Math.max(0, ...[...row.values()].map(({ n }) => n));
  const rows = [...table]
    .filter(([key]) => key !== others)
    .sort(([a, one], [b, other]) => size(other) - size(one) || (a < b ? -1 : 1));
  const kept: Table = new Map(rows.slice(0, limit));
  for (const [key, row] of [...table].filter(([key]) => key === others)) kept.set(key, new Map(row));
  for (const [, row] of rows.slice(limit)) mergeRow(kept, others, Object.fromEntries(row));
  return kept;
}

/** Cells of numbers are few by themselves; those of words are as many as agents invent. */
function boundedWords(cells: Table): Table {
  const kept: Table = new Map(cells);
  for (const name of WORDS) {
    const words: Table = new Map([...cells].filter(([key]) => key.startsWith(`${name}=`)));
    for (const key of words.keys()) kept.delete(key);
    for (const [key, row] of bounded(words, WORDS_LIMIT, `${name}=${OTHERS}`)) kept.set(key, row);
  }
  return kept;
}

function mergeRow(table: Table, key: string, row: Partial<Record<MetricName, Moments>>): void {
  const into = table.get(key) ?? new Map<MetricName, Moments>();
  table.set(key, into);
  for (const [metric, { n, y, yy }] of Object.entries(row) as [MetricName, Moments][]) {
    const known = into.get(metric) ?? { n: 0, y: 0, yy: 0 };
    into.set(metric, { n: known.n + n, y: known.y + y, yy: known.yy + yy });
  }
}

/** Several days as one. */
export type Weeks = {
  readonly days: number;
  readonly task: KindRollup;
  readonly session: KindRollup;
};

/**
 * Days together, the same in any order. A day of which nothing is kept is no day without units: it does not count. What a day did
 * not keep by name is in the others of that day, so a rare group's sums are those of its frequent days.
 */
export function mergeRollups(days: readonly DayRollup[]): Weeks {
  const ordered = [...days].sort((a, b) => a.day - b.day);
  return {
    days: days.length,
    task: mergeKinds(ordered.map(({ task }) => task)),
    session: mergeKinds(ordered.map(({ session }) => session)),
  };
}

function mergeKinds(kinds: readonly KindRollup[]): KindRollup {
  const merged = newKind();
  for (const { n, metrics, groups, hosts, cells, parts, facts } of kinds) {
    merged.n += n;
    mergeSpreads(merged.metrics, metrics);
    mergeSpreads(merged.facts, facts);
    for (const [name, spreads] of Object.entries(parts)) {
      const part = merged.parts.get(name) ?? new Map<MetricName, Spread>();
      merged.parts.set(name, mergeSpreads(part, spreads));
    }
    for (const [key, row] of Object.entries(groups)) mergeRow(merged.groups, key, row);
    for (const [key, row] of Object.entries(hosts)) mergeRow(merged.hosts, key, row);
    for (const [key, row] of Object.entries(cells)) mergeRow(merged.cells, key, row);
  }
  return kindOf(merged);
}

function mergeSpreads<K extends string>(into: Spreads<K>, from: Partial<Record<K, Spread>>): Spreads<K> {
  for (const [key, b] of Object.entries(from) as [K, Spread][]) {
    const a = into.get(key) ?? { n: 0, y: 0, yy: 0, bins: {} };
    const bins = { ...a.bins };
    for (const [bin, count] of Object.entries(b.bins)) bins[bin] = (bins[bin] ?? 0) + count;
    into.set(key, { n: a.n + b.n, y: a.y + b.y, yy: a.yy + b.yy, bins });
  }
  return into;
}

/** Bins of a spread in their order, each by its geometric middle. */
export function binsOf({ bins }: Pick<Spread, "bins">): { value: number; count: number }[] {
  return Object.entries(bins)
    .map(([bin, count]) => ({ value: bin === "zero" ? 0 : BIN_FACTOR ** (Number(bin) + 0.5), count }))
    .sort((a, b) => a.value - b.value);
}

/** The value that a share `p` of units is not above, to the width of a bin (10 %); null without units. */
export function quantileOf(spread: Pick<Spread, "bins">, p: number): number | null {
  const bins = binsOf(spread);
  const wanted = p * bins.reduce((sum, { count }) => sum + count, 0);
  let seen = 0;
  for (const { value, count } of bins) {
    seen += count;
    if (count > 0 && seen >= wanted) return value;
  }
  return null;
}
