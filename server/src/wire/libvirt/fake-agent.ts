/**
 * The guest agent of a simulated guest: answers the commands that our drivers send as
 * qemu-guest-agent 7.2 does. Holds what was executed; everything else comes from its `FakeGuest`.
 */
import { LibvirtErrorCode, LibvirtErrorDomain } from './constants.js';
import { LibvirtError } from './errors.js';

/** One interface of a simulated guest. */
export interface FakeGuestNic {
  readonly mac: string;
  readonly addresses: readonly string[];
}

/** What a program that runs in a simulated guest ends with. */
export interface FakeExecution {
  readonly exitCode: number;
  readonly output: string;
}

/** What the agent needs to know of its guest. */
export interface FakeGuest {
  hostname(): string;
  nics(): readonly FakeGuestNic[];
  nowMs(): number;
  execute(path: string, args: readonly string[]): FakeExecution;
}

/** Answers agent commands of one guest; `executions` keeps what has not been asked for yet. */
export interface FakeAgent {
  answer(command: string): string;
}

interface AgentRequest {
  readonly execute?: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

const COMMANDS = [
  'guest-ping',
  'guest-info',
  'guest-network-get-interfaces',
  'guest-get-host-name',
  'guest-get-osinfo',
  'guest-get-time',
  'guest-exec',
  'guest-exec-status',
] as const;
const PREFIX_LENGTH = 24;
const FIRST_PID = 1_000;

/** Makes the agent of one guest. */
export function createFakeAgent(guest: FakeGuest): FakeAgent {
  const executions = new Map<number, FakeExecution>();
  return {
    answer(command) {
      const request = parse(command);
      return JSON.stringify({ return: perform(request, guest, executions) });
    },
  };
}

function parse(command: string): AgentRequest {
  try {
    return JSON.parse(command) as AgentRequest;
  } catch {
    throw agentError(LibvirtErrorCode.INTERNAL_ERROR, 'internal error: cannot parse json');
  }
}

function perform(
  request: AgentRequest,
  guest: FakeGuest,
  executions: Map<number, FakeExecution>,
): unknown {
  switch (request.execute) {
    case 'guest-ping':
      return {};
    case 'guest-info':
      return {
        version: '7.2.0',
        supported_commands: COMMANDS.map((name) => ({ name, enabled: true })),
      };
    case 'guest-network-get-interfaces':
      return interfaces(guest.nics());
    case 'guest-get-host-name':
      return { 'host-name': guest.hostname() };
    case 'guest-get-osinfo':
      return {
        id: 'simulated',
        name: 'Simulated guest',
        'pretty-name': 'Simulated guest 1',
        'kernel-release': '6.1.0-simulated',
        machine: 'x86_64',
      };
    case 'guest-get-time':
      return guest.nowMs() * 1_000_000;
    case 'guest-exec':
      return execute(request.arguments ?? {}, guest, executions);
    case 'guest-exec-status':
      return executionStatus(request.arguments ?? {}, executions);
    default:
      throw agentError(
        LibvirtErrorCode.INTERNAL_ERROR,
        `internal error: unable to execute QEMU agent command '${request.execute}': ` +
          `The command ${request.execute} has not been found`,
      );
  }
}

function interfaces(nics: readonly FakeGuestNic[]): unknown[] {
  const address = (ip: string) => ({
    'ip-address': ip,
    'ip-address-type': ip.includes(':') ? 'ipv6' : 'ipv4',
    prefix: ip === '127.0.0.1' ? 8 : PREFIX_LENGTH,
  });
  const loopback = {
    name: 'lo',
    'hardware-address': '00:00:00:00:00:00',
    'ip-addresses': [address('127.0.0.1')],
  };
  const cards = nics.map((nic, index) => ({
    name: `eth${index}`,
    'hardware-address': nic.mac,
    'ip-addresses': nic.addresses.map(address),
  }));
  return [loopback, ...cards];
}

function execute(
  args: Readonly<Record<string, unknown>>,
  guest: FakeGuest,
  executions: Map<number, FakeExecution>,
): unknown {
  const pid = FIRST_PID + executions.size;
  const list = Array.isArray(args['arg']) ? args['arg'].map(String) : [];
  executions.set(pid, guest.execute(String(args['path']), list));
  return { pid };
}

function executionStatus(
  args: Readonly<Record<string, unknown>>,
  executions: Map<number, FakeExecution>,
): unknown {
  const ended = executions.get(Number(args['pid']));
  if (ended === undefined) {
    throw agentError(
      LibvirtErrorCode.INTERNAL_ERROR,
      "internal error: unable to execute QEMU agent command 'guest-exec-status': " +
        `PID ${args['pid']} does not exist`,
    );
  }
  return {
    exited: true,
    exitcode: ended.exitCode,
    'out-data': Buffer.from(ended.output).toString('base64'),
  };
}

function agentError(code: number, message: string): LibvirtError {
  return new LibvirtError({ code, domain: LibvirtErrorDomain.QEMU, message });
}
