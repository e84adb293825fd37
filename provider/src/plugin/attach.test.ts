import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serveAttached } from './attach.js';

const parent = mkdtempSync(join(tmpdir(), 'lqx-attach-test-'));
afterAll(() => rmdirSync(parent));

/** The words of TF_REATTACH_PROVIDERS in what the process writes. */
function reattachOf(text: string): Record<string, { Addr: { Network: string; String: string } }> {
  return JSON.parse(/TF_REATTACH_PROVIDERS='(.*)'/.exec(text)?.[1] ?? '') as never;
}

test('serves each connection by a service of its own, and stays', async () => {
  const ended: number[] = [];
  let opened = 0;
  let onExit: (code: number) => void = () => undefined;
  const exited = new Promise<number>((resolve) => {
    onExit = resolve;
  });
  let end = (): void => undefined;
  const text = await new Promise<string>((write) => {
    end = serveAttached({
      ...{ socketParent: parent, processId: 7, address: 'example.org/a/b', write },
      exit: (code) => onExit(code),
      open: () => {
        opened += 1;
        const own = opened;
        return {
          methods: new Map([['/t/Which', { kind: 'unary', handle: () => Uint8Array.of(own) }]]),
          end: () => {
            ended.push(own);
            return undefined;
          },
        };
      },
    });
  });
  const reattach = reattachOf(text);
  const path = reattach['example.org/a/b']?.Addr.String ?? '';
  expect(reattach).toEqual({
    'example.org/a/b': {
      ...{ Protocol: 'grpc', ProtocolVersion: 6, Pid: 7, Test: true },
      Addr: { Network: 'unix', String: path },
    },
  });

  const sessions = [1, 2].map(() => connect('http://localhost', { path } as object));
  const which = async (session: (typeof sessions)[number] | undefined): Promise<number> => {
    const stream = session?.request({ ':method': 'POST', ':path': '/t/Which' });
    stream?.end(Buffer.alloc(5));
    const chunks: Buffer[] = [];
    for await (const chunk of stream ?? []) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).at(-1) ?? 0;
  };
  const answers = [await which(sessions[0]), await which(sessions[1]), await which(sessions[0])];
  expect(answers).toEqual([1, 2, 1]);
  for (const session of sessions) {
    await new Promise<void>((resolve) => session.close(resolve));
  }
  const again = connect('http://localhost', { path } as object);
  expect(await which(again)).toBe(3);
  await new Promise<void>((resolve) => again.close(resolve));
  end();
  expect(await exited).toBe(0);
  expect(ended).toEqual([1, 2, 3]);
  expect(readdirSync(parent)).toEqual([]);
});
