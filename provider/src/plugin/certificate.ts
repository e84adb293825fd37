/**
 * A self-signed certificate for one life of the plugin's socket, written in DER by hand: a library
 * for it would take longer to load than everything else that happens before the handshake.
 */
import { generateKeyPairSync, sign } from 'node:crypto';

/** A certificate with its key. */
export interface Certificate {
  /** The certificate in DER (RFC 5280 §4.1). */
  readonly der: Buffer;
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** What goes into a certificate from outside. */
export interface CertificateInit {
  readonly nowMs: number;
  /** 16 random bytes. */
  readonly serial: Uint8Array;
}

/** Makes a P-256 certificate for `localhost`, good for a day, with a new key. */
export function selfSigned({ nowMs, serial }: CertificateInit): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const serialNumber = Buffer.from(serial);
  // A serial number is a positive integer without a leading zero byte.
  serialNumber[0] = ((serialNumber[0] ?? 0) & 0x7f) | 0x01;
  const algorithm = sequence(objectId(oids.ecdsaWithSha256));
  const name = sequence(tagged(tags.set, sequence(objectId(oids.commonName), utf8('localhost'))));
  const body = sequence(
    tagged(tags.explicit0, tagged(tags.integer, Buffer.from([2]))),
    tagged(tags.integer, serialNumber),
    algorithm,
    name,
    sequence(utcTime(nowMs - leewayMs), utcTime(nowMs + validityMs)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(tags.explicit3, extensions()),
  );
  const signature = sign('sha256', body, privateKey);
  const der = sequence(body, algorithm, bitString(0, signature));
  const lines = der.toString('base64').replace(/.{1,64}/g, '$&\n');
  return {
    der,
    certificatePem: `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`,
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

const leewayMs = 60_000;
const validityMs = 86_400_000;

const oids = {
  commonName: [2, 5, 4, 3],
  ecdsaWithSha256: [1, 2, 840, 10045, 4, 3, 2],
  subjectAltName: [2, 5, 29, 17],
  keyUsage: [2, 5, 29, 15],
  basicConstraints: [2, 5, 29, 19],
  extendedKeyUsage: [2, 5, 29, 37],
  serverAuth: [1, 3, 6, 1, 5, 5, 7, 3, 1],
  clientAuth: [1, 3, 6, 1, 5, 5, 7, 3, 2],
} as const;

const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
  dnsName: 0x82,
  explicit0: 0xa0,
  explicit3: 0xa3,
} as const;

const yes = Buffer.from([tags.boolean, 1, 0xff]);

/** go-plugin pins this very certificate as its root, so it must be allowed to sign as well. */
function extensions(): Buffer {
  // digitalSignature, keyEncipherment, keyAgreement, keyCertSign; the last two bits aren't used.
  const usage = bitString(2, Buffer.from([0b1010_1100]));
  const purposes = sequence(objectId(oids.clientAuth), objectId(oids.serverAuth));
  return sequence(
    extension(oids.keyUsage, usage, true),
    extension(oids.extendedKeyUsage, purposes),
    extension(oids.basicConstraints, sequence(yes), true),
    extension(oids.subjectAltName, sequence(tagged(tags.dnsName, Buffer.from('localhost')))),
  );
}

function extension(oid: readonly number[], value: Buffer, critical = false): Buffer {
  return sequence(objectId(oid), ...(critical ? [yes] : []), tagged(tags.octetString, value));
}

function tagged(tag: number, ...contents: Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthBytes(content.length), content]);
}

function sequence(...contents: Uint8Array[]): Buffer {
  return tagged(tags.sequence, ...contents);
}

function lengthBytes(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  if (length < 0x100) return Buffer.from([0x81, length]);
  return Buffer.from([0x82, length >> 8, length & 0xff]);
}

function bitString(unusedBits: number, bytes: Uint8Array): Buffer {
  return tagged(tags.bitString, Buffer.from([unusedBits]), bytes);
}

function utf8(text: string): Buffer {
  return tagged(tags.utf8String, Buffer.from(text));
}

/** The first two numbers share a byte; the others are base 128 with continuation bits. */
function objectId([first = 0, second = 0, ...rest]: readonly number[]): Buffer {
  const bytes = [first * 40 + second];
  for (const number of rest) {
    const digits = [number & 0x7f];
    for (let left = number >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return tagged(tags.objectId, Buffer.from(bytes));
}

function utcTime(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return tagged(tags.utcTime, Buffer.from(`${text}Z`));
}
