/** Examples of the commands, for their help and the docs. Pure. */

/** A line to type, and what it does. */
export interface Example {
  readonly line: string;
  readonly text: string;
}

/** By the command's words. */
const examples: Readonly<Record<string, readonly (readonly [line: string, text: string])[]>> = {
  server: [
    [
      'limiquantix server --data-dir ./data --simulate 3',
      'try it: three simulated hosts in one process',
    ],
    [
      'limiquantix server --data-dir /var/lib/limiquantix --listen 0.0.0.0:7443 --san cp.example.org --ovn-nb tcp:10.0.0.1:6641',
      'for hosts of your own',
    ],
  ],
  get: [
    ['limiquantix get vms', 'all machines'],
    ['limiquantix get vm web -o yaml', 'one, as apply takes it'],
    ['limiquantix get vms,networks -o wide', 'several types, with ids, labels and projects'],
    [
      'limiquantix get vms -l app=web --filter status.phase=running --sort-by -created_at',
      'some of them, the newest first',
    ],
    [
      'limiquantix get vms -l "app in (web, db)" --filter \'spec.memory.size_mib > 8192\'',
      'by labels as kubectl has them, and by an expression',
    ],
    ['limiquantix get vms -o name | xargs limiquantix delete', 'names for other commands'],
  ],
  describe: [['limiquantix describe vm web', 'spec, status, conditions and events of a machine']],
  create: [
    ['limiquantix create -f web.yaml', 'what a file holds'],
    ['limiquantix create -f - <web.yaml', 'what standard input holds'],
  ],
  apply: [
    [
      'limiquantix apply -f site/ --dry-run',
      'what would happen, what it costs, and where it would run',
    ],
    [
      'limiquantix apply -f site/ --allow-disruption live',
      'only if nothing that runs is disturbed',
    ],
    [
      'limiquantix get vm web -o yaml | limiquantix apply -f -',
      'what get prints can be applied: it changes nothing',
    ],
  ],
  diff: [['limiquantix diff -f site/', 'what apply would change']],
  edit: [['limiquantix edit vm web', 'in the editor that EDITOR names']],
  delete: [
    ['limiquantix delete vm web db', 'and wait until they are gone'],
    ['limiquantix delete vm/web network/lan --timeout 10m', 'of several types'],
  ],
  watch: [['limiquantix watch vms -l app=web', 'each change, until Ctrl-C']],
  wait: [
    ['limiquantix wait vm/web', 'until it is ready'],
    [
      'limiquantix wait vm web db --for status.phase=stopped --timeout 2m',
      'until a field has a value',
    ],
    ['limiquantix wait vm/web --for deleted', 'until it is gone'],
  ],
  doctor: [
    ['limiquantix doctor', 'is everything as wanted, on all hosts and in OVN?'],
    ['limiquantix doctor --repair', 'remove what belongs to nothing, look again at the rest'],
    ["limiquantix doctor -o json | jq '.findings[]'", 'for programs'],
  ],
  explain: [
    ['limiquantix explain vm', 'a type and its fields'],
    [
      'limiquantix explain vm.spec.cpu.cores',
      'a field: rules, default, and what changing it costs',
    ],
  ],
  'vm start': [['limiquantix vm start web db', 'and wait until they run']],
  'vm stop': [
    ['limiquantix vm stop web --grace 30s', 'ended where the guest takes longer than that'],
    ['limiquantix vm stop web --no-wait', 'only begin it'],
  ],
  'vm attach-disk': [
    [
      "limiquantix vm attach-disk web --device data --disk '{volume: {pool_id: local, size_gib: 10}}'",
      'a new volume',
    ],
  ],
  'vm create-snapshot': [
    ['limiquantix vm create-snapshot web --name before-upgrade', 'before something risky'],
  ],
  'node drain': [['limiquantix node drain h1 --grace 10m', 'before maintenance of a host']],
  'node update-labels': [
    ['limiquantix node update-labels h1 --set rack=r1 --remove old', 'set one, take one away'],
  ],
  'operation list': [
    ['limiquantix operation list --filter status.phase=running', 'what is going on'],
  ],
  'operation wait': [
    ['limiquantix operation wait 01a21c43-2068-7d66-a3d4-4a6657307be2', 'its progress, to its end'],
  ],
};

/** The examples of a command, by its words. */
export function examplesOf(words: readonly string[]): readonly Example[] {
  return (examples[words.join(' ')] ?? []).map(([line, text]) => ({ line, text }));
}

/** The examples as help shows them; empty without any. */
export function examplesHelp(words: readonly string[]): string {
  const lines = examplesOf(words).flatMap(({ line, text }) => [`  # ${text}`, `  ${line}`]);
  return lines.length === 0 ? '' : ['', 'Examples:', ...lines].join('\n');
}
