import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { expect, test } from "vitest";
import { toPrometheus } from "../../functions/edge/prometheus.ts";
import type { MetricsReading } from "../../shared/contract/metrics.ts";

const FOLDER = path.join(import.meta.dirname, "../../docs/grafana");
const read = (file: string) => readFileSync(path.join(FOLDER, file), "utf8");

/** Of a fleet in which everything has happened. */
const READING: MetricsReading = {
  progress: {
    totalTasks: 6,
    completedTasks: 1,
    inProgressTasks: 1,
    queuedTasks: 2,
    failedTasks: 1,
    cancelledTasks: 1,
    activeChats: 3,
    results: [],
    cursor: null,
  },
  fleetSums: { SessionsCrashed: 4, SessionsEndangered: 2, EndangeredCrashed: 1 },
  sums: { Errors: 1 },
  sweep: { upSinceMs: 1_000, tickAtMs: 61_000 },
  nowMs: 62_000,
};

/** Names of metrics, and the suffixes that a histogram's samples have. */
async function answered(): Promise<Set<string>> {
  const text = await toPrometheus(READING, "f");
  return new Set([...text.matchAll(/^(shim_\w+)/gm)].map(([, name = ""]) => name));
}

test("/metrics answers in seconds and shares, with a fleet's name only where it is the fleet's", async () => {
  const text = await toPrometheus(READING, "f");
  expect(text).toContain('shim_open_tasks{fleet="f",state="queued"} 2\n');
  expect(text).toContain('shim_crash_prediction_precision{fleet="f"} 0.5\n');
  expect(text).toContain('shim_crash_prediction_recall{fleet="f"} 0.25\n');
  expect(text).toContain("shim_uptime_seconds 60\n");
  expect(text).toContain("shim_sweep_age_seconds 1\n");
  expect(text).toContain("shim_errors_total 1\n");
  expect(text.match(/^# TYPE \w+ (\w+)$/gm)).toHaveLength(new Set(text.match(/^# TYPE \w+/gm)).size);
});

test("/metrics says nothing of what there is nothing to divide by, nor of a sweep that never was", async () => {
  const text = await toPrometheus({ ...READING, fleetSums: {}, sweep: null }, "f");
  expect(text).not.toMatch(/prediction|sweep|uptime/);
  expect(text).toContain('shim_sessions_crashed_total{fleet="f"} 0\n');
});

test("the dashboard asks only for metrics that /metrics answers, and every panel for some", async () => {
  const known = await answered();
  const { panels } = JSON.parse(read("dashboard.json")) as {
    panels: { id: number; title: string; targets: { expr: string }[] }[];
  };
  expect(panels.length).toBeGreaterThan(8);
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  for (const { title, targets } of panels) {
    const asked = targets.flatMap(({ expr }) => expr.match(/shim_\w+/g) ?? []);
    expect(asked.length, title).toBeGreaterThan(0);
    for (const name of asked) expect([...known], title).toContain(name);
  }
});

test("the compose file listens on this machine only, pins its images, and mounts files that exist", () => {
  const { services } = parse(read("compose.yml")) as {
    services: Record<string, { image: string; ports: string[]; volumes: string[] }>;
  };
  for (const { image, ports, volumes } of Object.values(services)) {
    expect(image).toMatch(/:v?\d+\.\d+\.\d+$/);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    for (const volume of volumes.filter((one) => one.startsWith("./"))) {
      const [file = ""] = volume.split(":");
      if (file !== "./shim-key") expect(existsSync(path.join(FOLDER, file)), file).toBe(true);
    }
  }
});

test.each(["prometheus.yml", "provisioning/datasources/prometheus.yml", "provisioning/dashboards/shim.yml"])(
  "%s is well-formed",
  (file) => {
    expect(parse(read(file))).toBeTypeOf("object");
  },
);
