/**
 * Real etcd members on loopback, each a process with its data in a folder of its own: to be killed,
 * paused, cut off from the others and started again. Needs the package etcd-server, no root.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../harness/command.js';
import { freePort } from '../harness/control-plane.js';
import { until } from '../harness/wait.js';
import { PeerLinks } from './peer-links.js';

/** Whether etcd is installed. */
export const hasEtcd = (): boolean => !spawnSync('etcd', ['--version']).error;

/** How a cluster is made. */
export interface EtcdOptions {
  readonly members: number;
  /** Bytes that the members' files may have; etcd's own default without it. */
  readonly quotaBytes?: number;
  /** Files for TLS to clients, with client certificates required. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

const startDeadlineMs = 30_000;
/** The limits that the store needs; `--pre-vote` is what etcd does by itself from 3.5 on. */
const flags = [
  ...['--max-txn-ops=10000', '--max-request-bytes=16777216', '--pre-vote'],
  '--log-level=error',
];

/** One member. */
export class EtcdMember {
  readonly name: string;
  readonly endpoint: string;
  readonly #args: readonly string[];
  readonly #log: string;
  #child: ChildProcess | undefined;

  constructor(options: { name: string; endpoint: string; args: readonly string[]; log: string }) {
    this.name = options.name;
    this.endpoint = options.endpoint;
    this.#args = options.args;
    this.#log = options.log;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  start(): void {
    const log = openSync(this.#log, 'a');
    this.#child = spawn('etcd', this.#args, { stdio: ['ignore', log, log] });
    closeSync(log);
  }

  /** Ends it as a crash would; its data stays. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** What it said. */
  get log(): string {
    return readFileSync(this.#log, 'utf8');
  }
}

/** A cluster. */
export class RealEtcd {
  readonly members: readonly EtcdMember[];
  readonly #folder: string;
  readonly #links: PeerLinks;
  readonly #tls: EtcdOptions['tls'];

  private constructor(parts: {
    members: readonly EtcdMember[];
    folder: string;
    links: PeerLinks;
    tls: EtcdOptions['tls'];
  }) {
    this.members = parts.members;
    this.#folder = parts.folder;
    this.#links = parts.links;
    this.#tls = parts.tls;
  }

  /** Starts a cluster and waits until it takes writes. */
  static async start(options: EtcdOptions): Promise<RealEtcd> {
    const folder = mkdtempSync(join(tmpdir(), 'limiquantix-etcd-'));
    const links = await PeerLinks.open(options.members);
    const members: EtcdMember[] = [];
    const cluster = links.outer.map((port, i) => `m${i}=http://127.0.0.1:${port}`).join(',');
    for (let i = 0; i < options.members; i += 1) {
      const endpoint = `127.0.0.1:${await freePort()}`;
      const args = memberArgs({ i, endpoint, cluster, folder, links, options });
      members.push(
        new EtcdMember({ name: `m${i}`, endpoint, args, log: join(folder, `m${i}.log`) }),
      );
    }
    const etcd = new RealEtcd({ members, folder, links, tls: options.tls });
    for (const member of members) member.start();
    await etcd.ready();
    for (const line of ((await etcd.control(['member', 'list'])) ?? '').split('\n')) {
      const [id, , name] = line.split(', ');
      const at = members.findIndex((member) => member.name === name);
      if (id !== undefined && at >= 0) links.name(id, at);
    }
    return etcd;
  }

  get endpoints(): readonly string[] {
    return this.members.map(({ endpoint }) => endpoint);
  }

  /** Waits until the cluster takes writes. */
  async ready(): Promise<void> {
    await until('etcd takes writes', startDeadlineMs, () => this.control(['put', 'ready', '1']));
  }

  /** The member that leads, by what the others say. */
  async leader(): Promise<EtcdMember> {
    return until('etcd has a leader', startDeadlineMs, async () => {
      for (const member of this.members) {
        const text = await this.control(['endpoint', 'status', '-w', 'json'], [member.endpoint]);
        if (text === undefined) continue;
        const [{ Status }] = JSON.parse(text);
        if (Status.leader !== 0 && Status.leader === Status.header.member_id) return member;
      }
      return undefined;
    });
  }

  /** Runs etcdctl; its output, or undefined where it failed. */
  async control(
    args: readonly string[],
    endpoints: readonly string[] = this.endpoints,
  ): Promise<string | undefined> {
    const tls = this.#tls;
    const flags =
      tls === undefined ? [] : [`--cacert=${tls.ca}`, `--cert=${tls.cert}`, `--key=${tls.key}`];
    const all = [`--endpoints=${endpoints.join(',')}`, '--command-timeout=3s', ...flags, ...args];
    return runCommand('etcdctl', all, { ETCDCTL_API: '3' }).catch(() => undefined);
  }

  /** Cuts a member off from the others, and back; its clients still reach it. */
  cut(member: EtcdMember): void {
    this.#links.cut(this.members.indexOf(member));
  }

  mend(member: EtcdMember): void {
    this.#links.mend(this.members.indexOf(member));
  }

  async stop(): Promise<void> {
    for (const member of this.members) member.resume();
    await Promise.all(this.members.map((member) => member.kill()));
    this.#links.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function memberArgs(parts: {
  i: number;
  endpoint: string;
  cluster: string;
  folder: string;
  links: PeerLinks;
  options: EtcdOptions;
}): readonly string[] {
  const { i, endpoint, cluster, folder, links, options } = parts;
  const { tls, quotaBytes } = options;
  const client = `${tls === undefined ? 'http' : 'https'}://${endpoint}`;
  return [
    `--name=m${i}`,
    `--data-dir=${join(folder, `m${i}`)}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=http://127.0.0.1:${links.inner[i]}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${links.outer[i]}`,
    `--initial-cluster=${cluster}`,
    '--initial-cluster-state=new',
    ...(quotaBytes === undefined ? [] : [`--quota-backend-bytes=${quotaBytes}`]),
    ...(tls === undefined
      ? []
      : [
          `--cert-file=${tls.cert}`,
          `--key-file=${tls.key}`,
          `--trusted-ca-file=${tls.ca}`,
          '--client-cert-auth',
        ]),
    ...flags,
  ];
}
