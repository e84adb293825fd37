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
import type { Entry, Store, Write } from '../store/store.js';

/** Whose token it is: a user's, by the name that role bindings have, or a service account's. */
export type TokenMember =
  | { readonly kind: 'user'; readonly name: string }
  | { readonly kind: 'service-account'; readonly id: string };

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
  /** Whose roles count; without it and a resource, an API token may do everything. */
  readonly member?: TokenMember;
  /** The `api_token` resource that it is the secret of: that one says whose it is and how long. */
  readonly resourceId?: string;
  /** How many hosts may still join with it. */
  readonly usesLeft?: number;
  /** For a short-lived one: the token that issued it, which alone may renew and revoke it. */
  readonly issuerId?: string;
  /** That token's secret then: it is good as long as the issuer is, with this secret. */
  readonly issuerSha256?: string;
  /** For a short-lived one that was renewed: for how long each time. */
  readonly lifeMs?: number;
}

/** What tokens work with. */
export interface TokensOptions {
  readonly store: Store;
  readonly nowMs: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  /** SHA-256 of the CA's certificate (DER) in hexadecimal; join tokens carry it. */
  readonly caFingerprint: string;
}

/** A secret that is to be stored: what it is, and the write that makes it good. */
export interface PreparedToken {
  readonly token: string;
  readonly write: Write;
}

/** A token that was made: its text is shown this once. */
export interface NewToken {
  readonly id: string;
  readonly token: string;
}

const tokensMax = 10_000;
const shortLivedSeconds = 15 * 60;
/** However often it is renewed. */
const shortLivedMsMax = 24 * 60 * 60_000;
const sweepPageMax = 1000;
const joinExpirySeconds = 3600;
const retriesMax = 16;
const idBytes = 8;
const secretBytes = 32;
const apiPattern = /^lqx_([0-9a-f]{16})_([0-9a-f]{64})$/;
const joinPattern = /^lqxj_([0-9a-f]{16})_([0-9a-f]{64})(?:_[0-9a-f]{64})?$/;

/** Makes, checks and revokes tokens. */
export class Tokens {
  readonly #options: TokensOptions;
  /** Those that were revoked by this process; streams that began with one end. */
  readonly #revoked = new Set<string>();
  /** How many there are at most: those that were counted last, and those made since. */
  #countMax: number | undefined;

  constructor(options: TokensOptions) {
    this.#options = options;
  }

  /** Makes an API token; an administrator's without a member. It never expires with 0 seconds. */
  async createApiToken(options: {
    readonly name: string;
    readonly expiresInSeconds: number;
    readonly member?: TokenMember;
  }): Promise<NewToken> {
    const { id, secret } = await this.#create('api', options);
    return { id, token: `lqx_${id}_${secret}` };
  }

  /** A secret for an `api_token` resource, in the place of the one that it has. */
  prepare({ id: resourceId, name }: { readonly id: string; readonly name: string }): PreparedToken {
    const { nowMs, randomBytes } = this.#options;
    const [id, secret] = [idOfResource(resourceId), hex(randomBytes(secretBytes))];
    const secretSha256 = sha256(secret);
    const createdAtMs = nowMs();
    const record: TokenRecord = { id, kind: 'api', name, secretSha256, createdAtMs, resourceId };
    const value = encodeText(JSON.stringify(record));
    return { token: `lqx_${id}_${secret}`, write: { kind: 'put', key: tokenKey(id), value } };
  }

  /** Forgets the secret of an `api_token` resource; idempotent. */
  forget(resourceId: string): Promise<void> {
    return this.revoke(idOfResource(resourceId));
  }

  /** Whether a token of this record is no longer good, as far as this process knows by itself. */
  isOver({ id, issuerId, expiresAtMs }: TokenRecord): boolean {
    if (expiresAtMs !== undefined && expiresAtMs <= this.#options.nowMs()) return true;
    return this.#revoked.has(id) || (issuerId !== undefined && this.#revoked.has(issuerId));
  }

  /** Forgets what has expired; call it now and then. */
  async sweep(): Promise<void> {
    const { store, nowMs } = this.#options;
    let from: string | undefined;
    let count = 0;
    do {
      const page = await store.list({ prefix: tokenPrefix, limit: sweepPageMax, from });
      const isOld = (entry: Entry) => (parse(entry).expiresAtMs ?? Infinity) <= nowMs();
      const old = page.entries.filter(isOld);
      for (const { key, revision } of old) {
        const require = [{ kind: 'revision', key, revision } as const];
        await store.commit({ require, writes: [{ kind: 'delete', key }] });
      }
      count += page.entries.length - old.length;
      from = page.next;
    } while (from !== undefined);
    this.#countMax = count;
  }

  /**
   * Makes a token that does what its issuer's does, for a quarter of an hour with 0 seconds. Throws
   * PERMISSION_DENIED for an issuer that is short-lived itself.
   */
  async issueShortLived(options: {
    readonly issuerId: string;
    readonly expiresInSeconds: number;
  }): Promise<NewToken & { readonly expiresAtMs: number }> {
    const { issuerId } = options;
    const issuer = await this.#find(issuerId);
    if (issuer === undefined || issuer.record.issuerId !== undefined) throw shortLivedIssuer();
    const { name, secretSha256: issuerSha256 } = issuer.record;
    const expiresInSeconds = options.expiresInSeconds || shortLivedSeconds;
    const {
      id,
      secret,
      expiresAtMs = 0,
    } = await this.#create('api', {
      name,
      expiresInSeconds,
      issuerId,
      issuerSha256,
    });
    return { id, token: `lqx_${id}_${secret}`, expiresAtMs };
  }

  /** Lets a short-lived token of an issuer's be good for as long again; returns until when. */
  async renewShortLived(key: { readonly issuerId: string; readonly id: string }): Promise<number> {
    for (let tries = 0; tries < retriesMax; tries += 1) {
      const found = await this.#find(key.id);
      const nowMs = this.#options.nowMs();
      const { createdAtMs = 0, expiresAtMs = 0, issuerId } = found?.record ?? {};
      if (found === undefined || issuerId !== key.issuerId || expiresAtMs <= nowMs)
        throw noLonger();
      const lifeMs = found.record.lifeMs ?? expiresAtMs - createdAtMs;
      const untilMs = Math.min(nowMs + lifeMs, createdAtMs + shortLivedMsMax);
      const renewed = { ...found.record, lifeMs, expiresAtMs: Math.max(untilMs, expiresAtMs) };
      const { key: at, revision } = found.entry;
      const result = await this.#options.store.commit({
        require: [{ kind: 'revision', key: at, revision }],
        writes: [{ kind: 'put', key: at, value: encodeText(JSON.stringify(renewed)) }],
      });
      if (result.ok) return renewed.expiresAtMs;
    }
    throw contended();
  }

  /** Makes a short-lived token of an issuer's useless; idempotent, and silent about others'. */
  async revokeShortLived(key: { readonly issuerId: string; readonly id: string }): Promise<void> {
    const found = await this.#find(key.id);
    if (found?.record.issuerId === key.issuerId) await this.revoke(key.id);
  }

  async #find(id: string): Promise<{ record: TokenRecord; entry: Entry } | undefined> {
    const entry = await this.#options.store.get(tokenKey(encodeURIComponent(id)));
    return entry && { entry, record: parse(entry) };
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

  /** The tokens that aren't revoked and are of no resource, oldest first. */
  async list(): Promise<readonly TokenRecord[]> {
    const { entries } = await this.#options.store.list({ prefix: tokenPrefix, limit: tokensMax });
    const records = entries.map(parse).filter(({ resourceId }) => resourceId === undefined);
    return records.sort((a, b) => a.createdAtMs - b.createdAtMs);
  }

  /** Makes a token useless; idempotent. */
  async revoke(id: string): Promise<void> {
    const key = tokenKey(encodeURIComponent(id));
    if (this.#revoked.size >= tokensMax) this.#revoked.clear();
    this.#revoked.add(id);
    await this.#options.store.commit({ require: [], writes: [{ kind: 'delete', key }] });
  }

  /** The token that a text is. Throws UNAUTHENTICATED with what to do. */
  async verifyApiToken(text: string): Promise<TokenRecord> {
    const { record } = await this.#verify(text, apiWords);
    const { issuerId, issuerSha256 } = record;
    if (issuerId === undefined) return record;
    const issuer = (await this.#find(issuerId))?.record;
    const isGood = issuerSha256 === undefined || issuer?.secretSha256 === issuerSha256;
    if (issuer === undefined || !isGood || this.isOver(issuer)) throw unknown(apiWords);
    const { member, resourceId } = issuer;
    return { ...record, ...(member && { member }), ...(resourceId && { resourceId }) };
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
    options: NewTokenOptions,
  ): Promise<{ id: string; secret: string; expiresAtMs: number | undefined }> {
    const { store, nowMs, randomBytes } = this.#options;
    await this.#makeRoom();
    const [id, secret] = [hex(randomBytes(idBytes)), hex(randomBytes(secretBytes))];
    const createdAtMs = nowMs();
    const { name, expiresInSeconds, ...more } = options;
    const record: TokenRecord = {
      id,
      kind,
      name,
      secretSha256: sha256(secret),
      createdAtMs,
      ...(expiresInSeconds > 0 && { expiresAtMs: createdAtMs + expiresInSeconds * 1000 }),
      ...more,
    };
    const key = tokenKey(id);
    const value = encodeText(JSON.stringify(record));
    await store.commit({
      require: [{ kind: 'absent', key }],
      writes: [{ kind: 'put', key, value }],
    });
    return { id, secret, expiresAtMs: record.expiresAtMs };
  }

  /** They are counted at first and where there seem to be too many, and not for each new one. */
  async #makeRoom(): Promise<void> {
    if ((this.#countMax ?? tokensMax) >= tokensMax) await this.sweep();
    const count = this.#countMax ?? 0;
    if (count >= tokensMax) throw tooMany();
    this.#countMax = count + 1;
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
      throw unknown(words);
    }
    if (record.expiresAtMs !== undefined && record.expiresAtMs <= this.#options.nowMs()) {
      const when = new Date(record.expiresAtMs).toISOString();
      throw refused('TOKEN_EXPIRED', `the ${words.what} expired at ${when}; ${words.remedy}`);
    }
    return { record, entry };
  }
}

interface NewTokenOptions extends Pick<TokenRecord, NewTokenFacts> {
  readonly name: string;
  readonly expiresInSeconds: number;
}

type NewTokenFacts = 'usesLeft' | 'member' | 'issuerId' | 'issuerSha256';

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
/** One secret for each resource: where it is stored follows from the resource's id. */
const idOfResource = (resourceId: string): string => sha256(resourceId).slice(0, 2 * idBytes);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const sameHash = (a: string, b: string): boolean =>
  timingSafeEqual(Buffer.from(a, 'hex'), Buffer.from(b, 'hex'));

const unknown = ({ what, remedy }: Words): LimiError =>
  refused('TOKEN_UNKNOWN', `the ${what} is unknown or was revoked; ${remedy}`);

const refused = (reason: string, message: string): LimiError =>
  new LimiError({ code: Code.Unauthenticated, reason, message });

const shortLivedIssuer = (): LimiError =>
  new LimiError({
    code: Code.PermissionDenied,
    reason: 'TOKEN_SHORT_LIVED',
    message: 'a short-lived token issues no others; use the token that it was issued with',
  });

const noLonger = (): LimiError =>
  new LimiError({
    code: Code.NotFound,
    reason: 'NOT_FOUND',
    message: 'the caller has issued no such token, or its time is over; issue a new one',
  });

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
