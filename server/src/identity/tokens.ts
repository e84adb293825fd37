/**
 * Tokens: what users and joining hosts prove themselves with. The store has a SHA-256 of each
 * secret, which is enough because secrets are 256 random bits. A revoked token is useless with the
 * next call.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { Code } from '@connectrpc/connect';
import { LimiError } from '../resource/error.js';
import { tokenKey, tokenPrefix } from '../resource/keys.js';
import { decodeText, encodeText } from '../resource/record.js';
import type { Entry, Store } from '../store/store.js';

/** A token as it is stored. */
export interface TokenRecord {
  readonly id: string;
  readonly kind: 'api' | 'join';
  /** What it is for, or the one node that may join with it. */
  readonly name: string;
  /** SHA-256 of the secret in hexadecimal. */
  readonly secretSha256: string;
  readonly createdAtMs: number;
  readonly expiresAtMs?: number;
  /** How many hosts may still join with it. */
  readonly usesLeft?: number;
}

/** What tokens work with. */
export interface TokensOptions {
  readonly store: Store;
  readonly nowMs: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  /** SHA-256 of the CA's certificate (DER) in hexadecimal; join tokens carry it. */
  readonly caFingerprint: string;
}

/** A token that was made: its text is shown this once. */
export interface NewToken {
  readonly id: string;
  readonly token: string;
}

const tokensMax = 10_000;
const joinExpirySeconds = 3600;
const retriesMax = 16;
const idBytes = 8;
const secretBytes = 32;
const apiPattern = /^lqx_([0-9a-f]{16})_([0-9a-f]{64})$/;
const joinPattern = /^lqxj_([0-9a-f]{16})_([0-9a-f]{64})(?:_[0-9a-f]{64})?$/;

/** Makes, checks and revokes tokens. */
export class Tokens {
  readonly #options: TokensOptions;

  constructor(options: TokensOptions) {
    this.#options = options;
  }

  /** Makes a token for a user; it never expires with 0 seconds. */
  async createApiToken(options: {
    readonly name: string;
    readonly expiresInSeconds: number;
  }): Promise<NewToken> {
    const { id, secret } = await this.#create('api', options);
    return { id, token: `lqx_${id}_${secret}` };
  }

  /** Makes a token for joining; 0 seconds is one hour, 0 uses are one. */
  async createJoinToken(options: {
    readonly nodeName: string;
    readonly expiresInSeconds: number;
    readonly uses: number;
  }): Promise<NewToken> {
    const { id, secret } = await this.#create('join', {
      name: options.nodeName,
      expiresInSeconds: options.expiresInSeconds || joinExpirySeconds,
      usesLeft: options.uses || 1,
    });
    return { id, token: `lqxj_${id}_${secret}_${this.#options.caFingerprint}` };
  }

  /** The tokens that aren't revoked, oldest first. */
  async list(): Promise<readonly TokenRecord[]> {
    const { entries } = await this.#options.store.list({ prefix: tokenPrefix, limit: tokensMax });
    return entries.map(parse).sort((a, b) => a.createdAtMs - b.createdAtMs);
  }

  /** Makes a token useless; idempotent. */
  async revoke(id: string): Promise<void> {
    const key = tokenKey(encodeURIComponent(id));
    await this.#options.store.commit({ require: [], writes: [{ kind: 'delete', key }] });
  }

  /** The token that a text is. Throws UNAUTHENTICATED with what to do. */
  async verifyApiToken(text: string): Promise<TokenRecord> {
    const { record } = await this.#verify(text, apiWords);
    return record;
  }

  /** As `redeemJoinToken`, without using it up. */
  async verifyJoinToken(text: string, nodeName: string): Promise<TokenRecord> {
    const { record } = await this.#verify(text, joinWords);
    if (record.name !== '' && record.name !== nodeName) throw otherNode(record, nodeName);
    return record;
  }

  /**
   * Uses up one use of a join token for a node. Throws UNAUTHENTICATED for one that isn't good,
   * PERMISSION_DENIED for one that is another node's.
   */
  async redeemJoinToken(text: string, nodeName: string): Promise<TokenRecord> {
    for (let tries = 0; tries < retriesMax; tries += 1) {
      const { record, entry } = await this.#verify(text, joinWords);
      if (record.name !== '' && record.name !== nodeName) throw otherNode(record, nodeName);
      const usesLeft = (record.usesLeft ?? 1) - 1;
      const value = encodeText(JSON.stringify({ ...record, usesLeft }));
      const { key, revision } = entry;
      const result = await this.#options.store.commit({
        require: [{ kind: 'revision', key, revision }],
        writes: [usesLeft > 0 ? { kind: 'put', key, value } : { kind: 'delete', key }],
      });
      if (result.ok) return record;
    }
    throw contended();
  }

  async #create(
    kind: TokenRecord['kind'],
    options: { name: string; expiresInSeconds: number; usesLeft?: number },
  ): Promise<{ id: string; secret: string }> {
    const { store, nowMs, randomBytes } = this.#options;
    const page = await store.list({ prefix: tokenPrefix, limit: tokensMax });
    if (page.entries.length >= tokensMax) throw tooMany();
    const [id, secret] = [hex(randomBytes(idBytes)), hex(randomBytes(secretBytes))];
    const createdAtMs = nowMs();
    const { name, expiresInSeconds, usesLeft } = options;
    const record: TokenRecord = {
      id,
      kind,
      name,
      secretSha256: sha256(secret),
      createdAtMs,
      ...(expiresInSeconds > 0 && { expiresAtMs: createdAtMs + expiresInSeconds * 1000 }),
      ...(usesLeft !== undefined && { usesLeft }),
    };
    const key = tokenKey(id);
    const value = encodeText(JSON.stringify(record));
    await store.commit({
      require: [{ kind: 'absent', key }],
      writes: [{ kind: 'put', key, value }],
    });
    return { id, secret };
  }

  async #verify(text: string, words: Words): Promise<{ record: TokenRecord; entry: Entry }> {
    const [, id, secret] = words.pattern.exec(text) ?? [];
    if (id === undefined || secret === undefined) {
      throw refused('TOKEN_MALFORMED', `the ${words.what} isn't well-formed; ${words.remedy}`);
    }
    const entry = await this.#options.store.get(tokenKey(id));
    const record = entry && parse(entry);
    const isGood = record?.kind === words.kind && sameHash(record.secretSha256, sha256(secret));
    if (entry === undefined || record === undefined || !isGood) {
      throw refused(
        'TOKEN_UNKNOWN',
        `the ${words.what} is unknown or was revoked; ${words.remedy}`,
      );
    }
    if (record.expiresAtMs !== undefined && record.expiresAtMs <= this.#options.nowMs()) {
      const when = new Date(record.expiresAtMs).toISOString();
      throw refused('TOKEN_EXPIRED', `the ${words.what} expired at ${when}; ${words.remedy}`);
    }
    return { record, entry };
  }
}

interface Words {
  readonly kind: TokenRecord['kind'];
  readonly pattern: RegExp;
  readonly what: string;
  readonly remedy: string;
}

const apiWords: Words = {
  kind: 'api',
  pattern: apiPattern,
  what: 'API token',
  remedy: 'make a new one with "limiquantix token create" and put it into the profile',
};

const joinWords: Words = {
  kind: 'join',
  pattern: joinPattern,
  what: 'join token',
  remedy: 'make a new one with "limiquantix node join-token"',
};

const parse = ({ value }: Entry): TokenRecord => JSON.parse(decodeText(value)) as TokenRecord;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const sameHash = (a: string, b: string): boolean =>
  timingSafeEqual(Buffer.from(a, 'hex'), Buffer.from(b, 'hex'));

const refused = (reason: string, message: string): LimiError =>
  new LimiError({ code: Code.Unauthenticated, reason, message });

const otherNode = ({ name }: TokenRecord, nodeName: string): LimiError =>
  new LimiError({
    code: Code.PermissionDenied,
    reason: 'TOKEN_OF_OTHER_NODE',
    message: `the join token is for node ${JSON.stringify(name)}, not for ${JSON.stringify(nodeName)}; make one for this node`,
  });

const contended = (): LimiError =>
  new LimiError({
    code: Code.Aborted,
    reason: 'CONTENTION',
    message: 'many hosts use this join token at once; try again',
    retryable: true,
  });

const tooMany = (): LimiError =>
  new LimiError({
    code: Code.ResourceExhausted,
    reason: 'TOO_MANY_TOKENS',
    message: `there are ${tokensMax} tokens already; revoke some that are no longer used`,
  });
