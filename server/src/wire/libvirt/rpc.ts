/**
 * libvirt's RPC over one socket: framing, pipelined calls matched by serial, deadlines, events,
 * keepalive answers. Knows procedures only as values of the protocol table. A socket that dies
 * or a packet that cannot be understood ends the connection and rejects every pending call.
 */
import type { Socket } from 'node:net';
import type { Timers, Unsubscribe } from './api.js';
import { LibvirtClosedError, LibvirtError, LibvirtTimeoutError } from './errors.js';
import {
  HEADER_BYTES,
  Keepalive,
  LENGTH_WORD_BYTES,
  MessageStatus,
  MessageType,
  PACKET_BYTES_MAX,
  PROGRAM_VERSION,
  type Procedure,
  Program,
  xdrError,
  xdrHeader,
} from './protocol.js';
import { decodeXdr, encodeXdr, XdrError, type XdrValue } from './xdr.js';

/** Deadline of a call whose caller names none. */
export const CALL_TIMEOUT_MS = 30_000;

/** Calls that may wait for an answer at one time on one connection. */
export const CALLS_PENDING_MAX = 1_024;

/** Calls given up whose late answers are still tolerated; more of them end the connection. */
export const CALLS_ABANDONED_MAX = 64;

/** Sees every packet with its length word, for recordings. */
export type PacketTap = (direction: 'sent' | 'received', packet: Buffer) => void;

interface Pending {
  readonly procedure: string;
  readonly resolve: (body: Buffer) => void;
  readonly reject: (error: Error) => void;
  readonly cancelDeadline: Unsubscribe;
}

/** What one call needs. */
export interface RpcCall<A, R> {
  readonly name: string;
  readonly procedure: Procedure<A, R>;
  readonly args: A;
  readonly timeoutMs?: number;
}

/** Dependencies of one connection. */
export interface RpcOptions {
  readonly socket: Socket;
  readonly timers: Timers;
  readonly onMessage: (procedure: number, body: Buffer) => void;
  readonly tap?: PacketTap;
}

/** One RPC connection over a connected socket. */
export class RpcConnection {
  private readonly pending = new Map<number, Pending>();
  private readonly abandoned = new Set<number>();
  private readonly closedListeners = new Set<(reason: Error) => void>();
  private closedReason: Error | undefined;
  private chunks: Buffer[] = [];
  private chunkBytes = 0;
  private serial = 0;

  constructor(private readonly options: RpcOptions) {
    const { socket } = options;
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('error', (error) => this.end(new LibvirtClosedError(error.message)));
    socket.on('close', () => this.end(new LibvirtClosedError('libvirtd closed the connection')));
  }

  /** Makes one call; resolves with its decoded result. */
  async call<A, R>(call: RpcCall<A, R>): Promise<R> {
    if (this.closedReason !== undefined) throw this.closedReason;
    if (this.pending.size >= CALLS_PENDING_MAX) {
      throw new LibvirtClosedError(`${CALLS_PENDING_MAX} calls to libvirtd are pending already`);
    }
    const { program, number, args, result } = call.procedure;
    const body = encodeXdr(args, call.args);
    this.serial += 1;
    const serial = this.serial;
    const answer = this.expect(serial, call.name, call.timeoutMs ?? CALL_TIMEOUT_MS);
    this.send({ program, procedure: number, type: MessageType.CALL, serial }, body);
    const bytes = await answer;
    try {
      return decodeXdr(result, bytes);
    } catch (error) {
      const reason = foreign(error);
      this.end(reason);
      throw reason;
    }
  }

  /** Calls `listener` once when the connection has ended. */
  onClosed(listener: (reason: Error) => void): Unsubscribe {
    if (this.closedReason !== undefined) listener(this.closedReason);
    else this.closedListeners.add(listener);
    return () => this.closedListeners.delete(listener);
  }

  /** Ends the connection for this reason; the first reason stays. */
  end(reason: Error): void {
    if (this.closedReason !== undefined) return;
    this.closedReason = reason;
    this.options.socket.destroy();
    for (const call of this.pending.values()) {
      call.cancelDeadline();
      call.reject(reason);
    }
    this.pending.clear();
    this.chunks = [];
    for (const listener of this.closedListeners) listener(reason);
    this.closedListeners.clear();
  }

  private expect(serial: number, procedure: string, timeoutMs: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const cancelDeadline = this.options.timers.after(timeoutMs, () => {
        this.pending.delete(serial);
        this.abandoned.add(serial);
        reject(new LibvirtTimeoutError(procedure, timeoutMs));
        if (this.abandoned.size > CALLS_ABANDONED_MAX) {
          this.end(new LibvirtClosedError('libvirtd left too many calls without an answer'));
        }
      });
      this.pending.set(serial, { procedure, resolve, reject, cancelDeadline });
    });
  }

  private send(
    header: { program: number; procedure: number; type: number; serial: number },
    body: Buffer,
  ): void {
    const length = Buffer.alloc(LENGTH_WORD_BYTES);
    length.writeUInt32BE(HEADER_BYTES + body.length);
    const head = encodeXdr(xdrHeader, {
      ...header,
      version: PROGRAM_VERSION,
      status: MessageStatus.OK,
    });
    const packet = Buffer.concat([length, head, body]);
    this.options.tap?.('sent', packet);
    this.options.socket.write(packet);
  }

  /** Collects bytes and takes whole packets off them. */
  private receive(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.chunkBytes += chunk.length;
    try {
      while (this.closedReason === undefined && this.chunkBytes >= LENGTH_WORD_BYTES) {
        const bytes = this.joined(LENGTH_WORD_BYTES);
        const length = bytes.readUInt32BE(0);
        if (length < HEADER_BYTES || length > PACKET_BYTES_MAX) {
          throw new XdrError(`a packet cannot have ${length} bytes`);
        }
        if (this.chunkBytes < length) return;
        const whole = this.joined(length);
        this.chunks = [whole.subarray(length)];
        this.chunkBytes -= length;
        this.options.tap?.('received', whole.subarray(0, length));
        this.dispatch(whole.subarray(LENGTH_WORD_BYTES, length));
      }
    } catch (error) {
      this.end(foreign(error));
    }
  }

  /** The buffered bytes with at least `needed` of them in the first chunk. */
  private joined(needed: number): Buffer {
    const first = this.chunks[0];
    if (first !== undefined && first.length >= needed) return first;
    const all = Buffer.concat(this.chunks);
    this.chunks = [all];
    return all;
  }

  private dispatch(packet: Buffer): void {
    const headerBytes = HEADER_BYTES - LENGTH_WORD_BYTES;
    const header = decodeXdr(xdrHeader, packet.subarray(0, headerBytes));
    const body = packet.subarray(headerBytes);
    if (header.version !== PROGRAM_VERSION) throw new XdrError(`version ${header.version}`);
    if (header.program === Program.KEEPALIVE) this.answerKeepalive(header.procedure);
    else if (header.type === MessageType.MESSAGE) this.options.onMessage(header.procedure, body);
    else if (header.type === MessageType.REPLY) this.settle(header, body);
    else throw new XdrError(`message type ${header.type} was not asked for`);
  }

  private answerKeepalive(procedure: number): void {
    if (procedure !== Keepalive.PING) return;
    this.send(
      {
        program: Program.KEEPALIVE,
        procedure: Keepalive.PONG,
        type: MessageType.MESSAGE,
        serial: 0,
      },
      Buffer.alloc(0),
    );
  }

  private settle(header: XdrValue<typeof xdrHeader>, body: Buffer): void {
    const call = this.pending.get(header.serial);
    if (call === undefined) {
      if (this.abandoned.delete(header.serial)) return;
      throw new XdrError(`a reply to serial ${header.serial}, which was not called`);
    }
    // It is pending until its answer is understood: one that isn't ends every pending call.
    const error = header.status === MessageStatus.OK ? undefined : toError(call.procedure, body);
    this.pending.delete(header.serial);
    call.cancelDeadline();
    if (error === undefined) call.resolve(body);
    else call.reject(error);
  }
}

/** Why a connection ends whose other end sent something that can't be read. */
function foreign(error: unknown): LibvirtClosedError {
  const message = error instanceof Error ? error.message : String(error);
  return new LibvirtClosedError(`libvirtd sent what is not its protocol: ${message}`);
}

function toError(procedure: string, body: Buffer): LibvirtError {
  const { code, domain, message, level } = decodeXdr(xdrError, body);
  return new LibvirtError({ code, domain, level, message: message ?? `${procedure} failed` });
}
