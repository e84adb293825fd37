import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRelayServer } from './relay.js';

describe('relay', () => {
  let dir: string;
  let relay: Server;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'lqx-relay-'));
    const options = { host: '127.0.0.1', port: 0, socketPath: join(dir, 's') };
    relay = await startRelayServer({ ...options, pidFile: join(dir, 'pid') });
  });
  afterEach(() => {
    relay.close();
    rmSync(dir, { recursive: true });
  });
  const dial = () => connect((relay.address() as AddressInfo).port, '127.0.0.1');

  it('closes connections while there is no server', async () => {
    const client = dial().resume();
    client.on('error', () => undefined);
    await once(client, 'close');
    expect(readFileSync(join(dir, 'pid'), 'utf8')).toBe(`${process.pid}\n`);
  });

  it('passes bytes both ways and a half-closed end', async () => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('end', () => socket.end(`got ${text}`));
    });
    await new Promise<void>((done) => void server.listen(join(dir, 's'), done));
    const client = dial();
    client.end('hello');
    const [answer] = await once(client, 'data');
    expect(String(answer)).toBe('got hello');
    await once(client, 'close');
    server.close();
  });

  it('closes the other side when one breaks', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.destroy()));
    await new Promise<void>((done) => void server.listen(join(dir, 's'), done));
    const client = dial().resume();
    client.on('error', () => undefined);
    client.write('x');
    await once(client, 'close');
    server.close();
  });
});
