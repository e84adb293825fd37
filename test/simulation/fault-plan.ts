/**
 * What goes wrong with whole parts of an installation, and when: processes die, hosts lose their
 * power, daemons restart, guests die, networks are cut, clocks jump, disks fill up, and the calls
 * between all of them suffer from bad weather. Drawn from the run's chance.
 */
import type { Chance } from './chance.js';
import type { Installation } from './installation.js';

interface Fault {
  readonly name: string;
  readonly strike: () => void;
}

const outageMsMax = 20_000;
const skewMsMax = 90_000;

/** Strikes an installation. */
export class FaultPlan {
  readonly #installation: Installation;
  readonly #chance: Chance;
  readonly #faults: readonly Fault[];

  constructor(installation: Installation, chance: Chance) {
    this.#installation = installation;
    this.#chance = chance;
    this.#faults = [...this.#processFaults(), ...this.#hostFaults(), ...this.#sharedFaults()];
  }

  /** How the network is to begin with: never quite as it should be. */
  begin(): void {
    const { network } = this.#installation;
    const share = (most: number): number => this.#chance.random() * most;
    network.weather = {
      ...{ delayMsMax: 10, lateShare: share(0.05), lostShare: share(0.05) },
      ...{ twiceShare: share(0.05), brokenShare: share(0.01) },
    };
  }

  /** Lets one thing go wrong. */
  strike(): void {
    const { name, strike } = this.#chance.pick(this.#faults);
    this.#installation.mischief.count(name);
    strike();
  }

  #processFaults(): readonly Fault[] {
    const { servers, hosts, mischief } = this.#installation;
    const process = () => this.#chance.pick([...servers, ...hosts]);
    return [
      {
        name: 'a server is killed',
        strike: () => this.#chance.pick(servers).life?.kill(),
      },
      {
        name: 'an agent is killed',
        strike: () => this.#chance.pick(hosts).life?.kill(),
      },
      {
        name: 'a process is paused',
        strike: () => process().life?.pause(this.#chance.below(outageMsMax)),
      },
      {
        name: 'a server is cut off from the store',
        strike: () => {
          if (servers.length === 1) return;
          const { name } = this.#chance.pick(servers);
          this.#installation.cutStore(name, this.#chance.below(outageMsMax));
        },
      },
      {
        name: 'calls die',
        strike: () => {
          mischief.rates = { ...mischief.rates, death: this.#chance.random() / 20 };
        },
      },
      {
        name: 'a clock jumps',
        strike: () => {
          const { life } = process();
          if (life === undefined) return;
          life.skewMs = this.#chance.between(-skewMsMax, skewMsMax);
          life.clock.after(this.#chance.below(outageMsMax), () => {
            life.skewMs = 0;
          });
        },
      },
    ];
  }

  #hostFaults(): readonly Fault[] {
    const { hosts, mischief } = this.#installation;
    const host = () => this.#chance.pick(hosts);
    return [
      {
        name: 'a host loses its power',
        strike: () => {
          const one = host();
          if (one.isOff) return;
          this.#installation.powerOff(one);
          this.#later(() => void this.#installation.powerOn(one));
        },
      },
      {
        name: 'libvirtd restarts',
        strike: () => {
          const one = host();
          if (!one.isOff) one.host.libvirtd.restart();
        },
      },
      {
        name: 'a guest dies',
        strike: () => {
          const domains = host()
            .host.libvirtd.all()
            .filter(({ live }) => live !== undefined);
          if (domains.length > 0) this.#chance.pick(domains).kill();
        },
      },
      { name: 'the switch database restarts', strike: () => host().host.ovs.disconnect() },
      {
        name: 'a disk is full',
        strike: () => {
          const { name } = host().host;
          mischief.fullDisks.add(name);
          this.#later(() => mischief.fullDisks.delete(name));
        },
      },
    ];
  }

  #sharedFaults(): readonly Fault[] {
    const { hosts, mischief, network, servers, world } = this.#installation;
    const share = (most: number): number => this.#chance.random() * most;
    const outageMs = (): number => this.#chance.below(outageMsMax);
    return [
      {
        name: 'an agent is cut off',
        strike: () => {
          const from = this.#chance.pick(hosts).host.name;
          network.cut({ from, to: this.#chance.pick(servers).name }, outageMs());
        },
      },
      {
        name: 'a client is cut off',
        strike: () => network.cut({ from: 'a', to: this.#chance.pick(servers).name }, outageMs()),
      },
      {
        name: 'the weather changes',
        strike: () => {
          network.weather = {
            delayMsMax: this.#chance.pick([2, 50, 500]),
            lateShare: share(0.2),
            lostShare: share(0.1),
            twiceShare: share(0.1),
            brokenShare: share(0.03),
          };
        },
      },
      {
        name: 'calls fail, hang and are slow',
        strike: () => {
          const { death } = mischief.rates;
          mischief.rates = { error: share(0.1), slow: share(0.1), hang: share(0.02), death };
        },
      },
      {
        name: 'calls are well again',
        strike: () => {
          mischief.rates = { error: 0, slow: 0, hang: 0, death: 0 };
        },
      },
      {
        name: "OVN's northbound fails",
        strike: () => {
          const kinds = ['lose-request', 'lose-answer', 'hang'] as const;
          world.northbound.failNext({ kind: this.#chance.pick(kinds) });
        },
      },
      {
        name: "OVN's northbound is not reached",
        strike: () => {
          world.northbound.setReachable(false);
          this.#later(() => world.northbound.setReachable(true));
        },
      },
    ];
  }

  #later(fn: () => void): void {
    this.#installation.later(this.#chance.below(outageMsMax), fn);
  }
}
