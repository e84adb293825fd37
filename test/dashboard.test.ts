/** The dashboard asks only for metrics that a control plane tells. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMetrics } from '../server/src/bin/metrics.js';

test('every metric of the Grafana dashboard is there', async () => {
  const metrics = createMetrics('1');
  metrics.observe({
    resources: () => [],
    revision: () => 1n,
    queueDepth: () => 0,
    agentsConnected: () => 0,
    isLeading: () => true,
  });
  const { body } = await metrics.text();
  const told = new Set([...body.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name));
  const dashboard = readFileSync(join(__dirname, '../docs/grafana/control-plane.json'), 'utf8');
  const asked = dashboard.match(/\b(limiquantix|nodejs|process)_\w+/g) ?? [];
  const missing = asked.filter((name) => !told.has(name.replace(/_bucket$/, '')));
  expect(asked.length).toBeGreaterThan(10);
  expect(missing).toEqual([]);
});
