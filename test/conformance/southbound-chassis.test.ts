/** What is read and removed of hosts in OVN's southbound: a fake, and a real ovsdb-server. */
import { randomUUID } from 'node:crypto';
import { SouthboundChassis } from '../../server/src/drivers/ovn/southbound-chassis.js';
import type { OvsdbApi } from '../../server/src/wire/ovsdb/api.js';
import { createOvsdbClient } from '../../server/src/wire/ovsdb/client.js';
import { createDial } from '../../server/src/wire/ovsdb/endpoint.js';
import { FakeOvsdb } from '../../server/src/wire/ovsdb/fake.js';
import { Operations } from '../../server/src/wire/ovsdb/operations.js';
import { type Southbound, southbound } from '../../server/src/wire/ovsdb/southbound.js';
import { NamedUuid } from '../../server/src/wire/ovsdb/values.js';
import { isInstalled, processTimers, schemaFiles, startRealOvsdb } from './real-ovsdb.js';

const sb = new Operations(southbound);

interface Started {
  readonly api: OvsdbApi<Southbound>;
  stop(): Promise<void>;
}

async function startFake(): Promise<Started> {
  const fake = new FakeOvsdb({ database: southbound, newUuid: randomUUID });
  const api = fake.connect(processTimers);
  return { api, stop: async () => api.close() };
}

async function startReal(): Promise<Started> {
  const server = await startRealOvsdb(schemaFiles.southbound);
  const options = { database: southbound, timers: processTimers, dial: createDial() };
  const api = createOvsdbClient({ ...options, endpoints: [server.unix] });
  return {
    api,
    async stop() {
      api.close();
      await server.stop();
    },
  };
}

const servers: [string, boolean, () => Promise<Started>][] = [
  ['a fake', true, startFake],
  ['ovsdb-server', isInstalled('ovsdb-server'), startReal],
];

describe.each(servers)('hosts in the southbound of %s', (name, isThere, start) => {
  const onServer = isThere ? it : it.skip;
  if (!isThere) process.stderr.write(`southbound suite skipped for ${name}: not installed\n`);

  onServer('are named with their nodes, and a lost one goes with all its rows', async () => {
    const { api, stop } = await start();
    const chassis = new SouthboundChassis(api);
    const [lost, kept] = ['a', 'b'].map((digit) => `0192${digit}000-0000-7000-8000-000000000001`);
    const foreign = randomUUID();
    const add = (id: string, at: number) => {
      const [encap, row] = [new NamedUuid(`encap${at}`), new NamedUuid(`chassis${at}`)];
      const ip = `192.0.2.${at}`;
      return [
        sb.insert('Encap', { type: 'geneve', ip, chassis_name: id }, { name: encap }),
        sb.insert('Chassis', { name: id, hostname: `h${at}`, encaps: [encap] }, { name: row }),
        sb.insert('Chassis_Private', { name: id, chassis: row }),
      ];
    };
    await api.transact([lost, kept, foreign].flatMap((id, at) => add(String(id), at)));
    const look = async () =>
      (await chassis.inventory()).map(({ type, id, name: row }) => `${type} ${id || row}`).sort();
    expect(await look()).toEqual([` ${foreign}`, `node ${lost}`, `node ${kept}`].sort());
    for (let i = 0; i < 2; i += 1) await chassis.removeStray(String(lost));
    expect(await look()).toEqual([` ${foreign}`, `node ${kept}`].sort());
    const [encaps, privates] = await api.transact([
      sb.select('Encap', [], ['ip']),
      sb.select('Chassis_Private', [], ['name']),
    ]);
    expect([encaps?.rows?.length, privates?.rows?.length]).toEqual([2, 2]);
    await stop();
  });
});
