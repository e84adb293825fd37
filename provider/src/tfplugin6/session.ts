/**
 * What a provider process holds between calls: the control plane that it was configured for, the
 * resource types, and whether Terraform asked it to stop.
 */
import type { Disruption } from '@limiquantix/proto/resource/v1/options_pb.js';
import { lazyTypes } from '@limiquantix/proto/types.js';
import { type Check, createCheck } from '@limiquantix/proto/validation/check.js';
import type { Api } from '../engine/api.js';
import { type Diagnostic, DiagnosticError, problem } from '../engine/diagnostic.js';
import type { Files } from '../engine/files.js';
import { PlanJudge } from '../engine/plan-judge.js';
import type { ActionShape } from '../schema/action-shape.js';
import { type DataSourceShape, dataSourceShapes } from '../schema/data-source-shape.js';
import type { EphemeralShape } from '../schema/ephemeral-shape.js';
import { type ResourceShape, resourceShape, typePrefix } from '../schema/resource-shape.js';
import { diagnosticsOf, encodeDiagnostics, type Precision, precisionOf } from './diagnostics.js';

/** What a session needs from outside. */
export interface SessionEffects {
  readonly files: Files;
  readonly newRequestId: () => string;
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** What the provider's configuration leads to. */
export interface Connection {
  readonly api: Api;
  /** The most that a change may cost; undefined for all. */
  readonly disruptionLimit: Disruption | undefined;
}

/** The state of a provider process. */
export class Session {
  readonly effects: SessionEffects;
  private precision: Precision = 'two_steps';
  private readonly shapes = new Map<string, Promise<ResourceShape>>();
  private readonly dataSources = new Map<string, Promise<DataSourceShape>>();
  private configured: Connection | 'unknown' | undefined;
  /** The contract's rules. */
  readonly check: Check = createCheck({ matches });
  /** What plans would come to. */
  readonly judge: PlanJudge;

  /** The resources whose spec this process has planned to change, by their ids. */
  readonly changing = new Set<string>();

  /** How to make useless what ephemeral resources have opened, by what Terraform keeps of each. */
  private readonly open = new Map<string, () => Promise<void>>();

  constructor(effects: SessionEffects) {
    this.effects = effects;
    const { nowMs, sleep } = effects;
    this.judge = new PlanJudge({ check: this.check, nowMs, sleep });
  }

  /** Sets the control plane; `unknown` while the provider's configuration isn't known yet. */
  configure(connection: Connection | 'unknown'): void {
    this.configured = connection;
  }

  /** Takes note of Terraform's version, which is known from the provider's configuration on. */
  meet(terraformVersion: string): void {
    this.precision = precisionOf(terraformVersion);
  }

  /** Diagnostics to send. */
  tell(diagnostics: readonly Diagnostic[]): ReturnType<typeof encodeDiagnostics> {
    return encodeDiagnostics(diagnostics, this.precision);
  }

  /** Answers, with diagnostics in place of an error. */
  async answer<T>(
    work: () => Promise<T>,
  ): Promise<T | { diagnostics: ReturnType<typeof encodeDiagnostics> }> {
    try {
      return await work();
    } catch (error) {
      return { diagnostics: this.tell(diagnosticsOf(error)) };
    }
  }

  /** The control plane. Throws DiagnosticError if there is none yet. */
  get api(): Api {
    if (this.configured === undefined || this.configured === 'unknown') {
      throw new DiagnosticError([
        problem(
          'The provider is not configured yet',
          'parts of its configuration depend on resources that do not exist yet: create those first, ' +
            'with terraform apply -target, or give the configuration by environment variables',
        ),
      ]);
    }
    return this.configured.api;
  }

  /** The control plane, if there is one to ask yet. */
  get apiIfKnown(): Api | undefined {
    return typeof this.configured === 'object' ? this.configured.api : undefined;
  }

  /** The most that a change may cost, as far as that is known; undefined for all. */
  get disruptionLimit(): Disruption | undefined {
    return typeof this.configured === 'object' ? this.configured.disruptionLimit : undefined;
  }

  /**
   * A resource type's shape, made when it is first asked for. Throws DiagnosticError for a type
   * that there isn't.
   */
  async resource(typeName: string): Promise<ResourceShape> {
    const lazy = lazyTypes[typeName.slice(typePrefix.length)];
    if (lazy === undefined || lazy.readOnly) throw noSuchType(typeName);
    return cached(this.shapes, typeName, async () => {
      const { message, service } = await lazy.load();
      return resourceShape(message, service);
    });
  }

  /** A data source's shape. Throws DiagnosticError for one that there isn't. */
  async dataSource(typeName: string): Promise<DataSourceShape> {
    return cached(this.dataSources, typeName, async () => {
      const name = typeName.slice(typePrefix.length);
      const [type] =
        Object.entries(lazyTypes).find(([one, { plural }]) => one === name || plural === name) ??
        [];
      if (type === undefined) throw noSuchType(typeName);
      const sources = dataSourceShapes(await this.resource(typePrefix + type));
      const source = sources.find((candidate) => candidate.typeName === typeName);
      if (source === undefined) throw noSuchType(typeName);
      return source;
    });
  }

  /** An ephemeral resource's shape. Throws DiagnosticError for one that there isn't. */
  async ephemeral(typeName: string): Promise<EphemeralShape> {
    // Few configurations have one, and its methods are found among all of the contract's.
    const { ephemeralShapes } = await import('../schema/ephemeral-shape.js');
    const shapeOf = ephemeralShapes().get(typeName);
    if (shapeOf === undefined) throw noSuchType(typeName);
    return shapeOf();
  }

  /** An action's shape. Throws DiagnosticError for one that there isn't. */
  async action(typeName: string): Promise<ActionShape> {
    const { actionShapes } = await import('../schema/action-shape.js');
    const shapeOf = actionShapes().get(typeName);
    if (shapeOf === undefined) throw noSuchType(typeName);
    return shapeOf();
  }

  /** Terraform's names of all resource types. */
  resourceNames(): string[] {
    return Object.entries(lazyTypes).flatMap(([type, { readOnly }]) =>
      readOnly ? [] : [typePrefix + type],
    );
  }

  /** Terraform's names of all data sources. */
  dataSourceNames(): string[] {
    return Object.entries(lazyTypes).flatMap(([type, { readOnly, plural }]) =>
      readOnly ? [] : [typePrefix + type, typePrefix + plural],
    );
  }

  /** Takes note of something that must be made useless at the end, whatever happens. */
  opened(key: string, close: () => Promise<void>): void {
    this.open.set(key, close);
  }

  /** Takes note that it was. */
  closed(key: string): void {
    this.open.delete(key);
  }

  /**
   * Makes useless what is still open: a Terraform that was interrupted closes nothing. Undefined
   * where there is nothing to do; never rejects.
   */
  closeOpen(): Promise<unknown> | undefined {
    if (this.open.size === 0) return undefined;
    const closing = [...this.open.values()];
    this.open.clear();
    // What can't be reached any more ends by itself, when its time is over.
    return Promise.allSettled(closing.map((close) => close()));
  }
}

/** The user's own pattern on the user's own text. */
function matches(text: string, pattern: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(text);
  } catch {
    return false;
  }
}

function noSuchType(typeName: string): DiagnosticError {
  return new DiagnosticError([problem('No such type', `this provider has no type ${typeName}`)]);
}

function cached<T>(all: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const found = all.get(key) ?? make();
  all.set(key, found);
  return found;
}
