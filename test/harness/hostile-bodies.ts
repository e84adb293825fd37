/**
 * A process that serves the API and calls it with bodies that are cheap to send and dear to read.
 * Says over IPC what each got, and how much the process has grown by all of them.
 */
import { connect } from 'node:http2';
import { gzipSync } from 'node:zlib';
import type { DescMessage } from '@bufbuild/protobuf';
import {
  VirtualMachineSchema,
  VirtualMachineStatusSchema,
} from '@limiquantix/proto/compute/v1/vm_pb.js';
import { CreateVirtualMachineRequestSchema } from '@limiquantix/proto/compute/v1/vm_service_pb.js';
import { startTestInstallation } from '../../server/src/api/test-installation.js';
import { VirtualClock } from '../../server/src/reconcile/virtual-clock.js';

/** What came of it. */
export interface HostileOutcome {
  /** By what was sent: the status of HTTP, and that of gRPC or Connect's word for it. */
  readonly answers: Readonly<Record<string, string>>;
  readonly grownMebibytes: number;
}

const bodyBytes = 6 * 1024 * 1024 - 64;
const path = '/limiquantix.compute.v1.VirtualMachineService/CreateVirtualMachine';

const varint = (value: number): number[] =>
  value > 0x7f ? [(value & 0x7f) | 0x80, ...varint(value >>> 7)] : [value];

const within = (number: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(content.length)]), content]);

function numberOf(desc: DescMessage, name: string): number {
  const field = desc.fields.find((one) => one.name === name);
  if (field === undefined) throw new Error(`${desc.typeName} has no ${name}`);
  return field.number;
}

/** A machine with millions of empty conditions, two bytes each. */
function manyMessages(): Buffer {
  const empty = Buffer.from([(numberOf(VirtualMachineStatusSchema, 'conditions') << 3) | 2, 0]);
  const status = within(numberOf(VirtualMachineSchema, 'status'), Buffer.alloc(bodyBytes, empty));
  return within(numberOf(CreateVirtualMachineRequestSchema, 'vm'), status);
}

/** The same field again and again, which nobody knows. */
const manyUnknown = (): Buffer => Buffer.alloc(bodyBytes, Buffer.from([0x98, 0x7d, 0x00]));

const frame = (flags: number, content: Buffer): Buffer => {
  const head = Buffer.alloc(5, flags);
  head.writeUInt32BE(content.length, 1);
  return Buffer.concat([head, content]);
};

/** The same in JSON. */
function manyJson(): Buffer {
  const list = Buffer.alloc(bodyBytes - 99, '{},');
  return Buffer.concat([
    Buffer.from('{"vm":{"status":{"conditions":['),
    list,
    Buffer.from('{}]}}}'),
  ]);
}

interface Attempt {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const attempts = (): Record<string, Attempt> => {
  const [messages, unknown] = [manyMessages(), manyUnknown()];
  const type = (name: string) => ({ 'content-type': `application/${name}` });
  return {
    'grpc messages': { headers: type('grpc'), body: frame(0, messages) },
    'grpc unknown': { headers: type('grpc'), body: frame(0, unknown) },
    'grpc compressed': {
      headers: { ...type('grpc'), 'grpc-encoding': 'gzip' },
      body: frame(1, gzipSync(messages)),
    },
    'grpc-web messages': { headers: type('grpc-web+proto'), body: frame(0, messages) },
    'connect messages': { headers: type('proto'), body: messages },
    'connect compressed': {
      headers: { ...type('proto'), 'content-encoding': 'gzip' },
      body: gzipSync(unknown),
    },
    'connect json': { headers: type('json'), body: manyJson() },
    'grpc json': { headers: type('grpc+json'), body: frame(0, manyJson()) },
  };
};

const installation = await startTestInstallation({ clock: new VirtualClock(Date.UTC(2026, 0, 1)) });
const session = connect(installation.endpoint, { ca: installation.authority.certificatePem });

function call({ headers, body }: Attempt, token: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ...{ ':method': 'POST', ':path': path, te: 'trailers' },
      ...{ authorization: `Bearer ${token}`, ...headers },
    });
    let status = '';
    const pieces: Buffer[] = [];
    stream.on('response', (given) => {
      status = `${given[':status']} ${given['grpc-status'] ?? ''}`;
    });
    stream.on('trailers', (given) => {
      status += String(given['grpc-status'] ?? '');
    });
    stream.on('data', (piece: Buffer) => pieces.push(piece));
    stream.on('error', reject);
    stream.on('end', () => {
      const text = Buffer.concat(pieces).toString('latin1');
      const word = /"code":"(\w+)"/.exec(text)?.[1] ?? /grpc-status: (\d+)/.exec(text)?.[1];
      resolve(`${status.trim()} ${word ?? ''}`.trim());
    });
    stream.end(body);
  });
}

const bodies = attempts();
const small = Buffer.from('{}');
await call({ headers: { 'content-type': 'application/json' }, body: small }, installation.token);
const before = process.resourceUsage().maxRSS;
const answers: Record<string, string> = {};
for (const [name, attempt] of Object.entries(bodies)) {
  answers[name] = await call(attempt, installation.token);
  answers[`${name} by nobody`] = await call(attempt, 'lqx_nobody');
}
const grownMebibytes = Math.round((process.resourceUsage().maxRSS - before) / 1024);
process.send?.({ answers, grownMebibytes } satisfies HostileOutcome);
session.close();
await installation.stop();
