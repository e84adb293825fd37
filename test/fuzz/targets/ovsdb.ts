/** OVSDB: the stream of JSON, the cache of rows, and the client with all that it waits for. */
import { isDeepStrictEqual } from 'node:util';
import { VirtualClock } from '../../../server/src/reconcile/virtual-clock.js';
import { createOvsdbClient } from '../../../server/src/wire/ovsdb/client.js';
import type { ChannelEvents } from '../../../server/src/wire/ovsdb/endpoint.js';
import { OvsdbError } from '../../../server/src/wire/ovsdb/errors.js';
import { JsonStream } from '../../../server/src/wire/ovsdb/json-stream.js';
import { northbound } from '../../../server/src/wire/ovsdb/northbound.js';
import { RowStore } from '../../../server/src/wire/ovsdb/row-cache.js';
import type { Atom, BaseType, ColumnSchema } from '../../../server/src/wire/ovsdb/schema.js';
import {
  decodeValue,
  encodeValue,
  equalValues,
  type PlainValue,
} from '../../../server/src/wire/ovsdb/values.js';
import type { Random } from '../random.js';
import { holds, Outside, type Target } from '../target.js';
import { pieces } from './libvirt.js';

const isOvsdbs = (error: unknown): boolean => error instanceof OvsdbError;
const tables = northbound.tables as Readonly<
  Record<string, { readonly columns: Readonly<Record<string, ColumnSchema>> }>
>;
const request = Object.fromEntries(
  Object.entries(tables).map(([name, { columns }]) => [name, Object.keys(columns)]),
);
const words = [
  ...['{', '}', '[', ']', '"', '\\', ',', ':', 'null', '-1', '1e400', '"set"', '"map"', '"uuid"'],
  ...[
    '["set",[]]',
    '["map",[]]',
    '"__proto__"',
    '"constructor"',
    '"toString"',
    '"modify"',
    '"new"',
  ],
  ...['"old"', '"insert"', '"delete"', '"initial"', '"error"', '"details"', '"result"', '"id"'],
  ...['"\\ud800"', '"external_ids"', '"Logical_Switch"', '"update2"', '"update"', '"echo"', 'true'],
];

/** Values one after the other; the first byte says in which pieces they come. */
const stream: Target = {
  name: 'ovsdb-stream',
  bytesMax: 8 * 1024,
  isText: true,
  words,
  make(random) {
    const values = random.many(5, () => JSON.stringify(messageOf(random, random.between(1, 5))));
    return Buffer.concat([random.bytes(1), Buffer.from(values.join(random.pick(['', ' ', '\n'])))]);
  },
  run(input) {
    const single = values(Array.from(input.subarray(1), (byte) => Buffer.of(byte)));
    const cut = values(pieces(input));
    const same = single.values.slice(0, cut.values.length);
    holds(isDeepStrictEqual(same, cut.values), 'pieces give other values than single bytes');
    holds(
      (single.error === undefined) === (cut.error === undefined),
      'only one of both is refused',
    );
    if (cut.error !== undefined) throw cut.error;
    return cut.values;
  },
  isRefusal: isOvsdbs,
};

/** What comes out, up to an error; a chunk with one gives nothing. */
function values(chunks: Iterable<Uint8Array>): { values: unknown[]; error: unknown } {
  const json = new JsonStream();
  const all: unknown[] = [];
  try {
    for (const chunk of chunks) all.push(...json.push(chunk));
  } catch (error) {
    return { values: all, error };
  }
  return { values: all, error: undefined };
}

/** Updates of a cache as a JSON list: the first fills it, the others change it. */
const rows: Target = {
  name: 'ovsdb-rows',
  isText: true,
  words,
  make: (random) =>
    Buffer.from(JSON.stringify([updatesOf(random), ...random.many(4, () => updatesOf(random))])),
  run(input) {
    const updates = parsed(input);
    const store = new RowStore(northbound, request);
    const byName = store.indexBy('Logical_Switch', ({ name }) => String(name));
    const [first, ...more] = Array.isArray(updates) ? updates : [updates];
    store.reset(first);
    for (const update of more) store.apply(update);
    for (const [table, { columns }] of Object.entries(tables)) {
      for (const row of store.rows(table)) {
        for (const [name, column] of Object.entries(columns)) {
          checkValue(column, row[name] as PlainValue);
        }
        if (table !== 'Logical_Switch') continue;
        const found = byName.get(String(row['name']));
        holds(found.includes(row), 'a row is not in its index');
      }
    }
    return store;
  },
  isRefusal: isOvsdbs,
};

function checkValue(column: ColumnSchema, value: PlainValue): void {
  if (value === null) return;
  const again = decodeValue(column, encodeValue(column, value));
  holds(equalValues(value, again), 'a value that is written again is another one');
}

function parsed(input: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(input).toString('utf8'));
  } catch {
    throw new Outside('it is no JSON');
  }
}

/** A client whose server says what the input says; the first byte says in which pieces. */
const client: Target = {
  name: 'ovsdb-client',
  isText: true,
  words,
  make(random) {
    const answers = Array.from({ length: random.between(1, 6) }, (_, i) =>
      JSON.stringify(messageOf(random, i + 1)),
    );
    return Buffer.concat([random.bytes(1), Buffer.from(answers.join(''))]);
  },
  async run(input) {
    const clock = new VirtualClock();
    const server = new Server(input);
    const ovsdb = createOvsdbClient({
      database: northbound,
      endpoints: ['unix:fuzz'],
      timers: clock,
      dial: (_, events) => server.accept(events),
    });
    const ends: unknown[] = [];
    const follow = (work: Promise<unknown>): void => {
      work.then(
        () => ends.push(undefined),
        (error: unknown) => ends.push(error),
      );
    };
    follow(ovsdb.monitor({ Logical_Switch: ['name', 'other_config', 'external_ids'] }));
    follow(ovsdb.transact([]));
    for (let i = 0; i < 40; i += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(4_000);
    }
    holds(ends.length === 2, 'a request never ends');
    ovsdb.close();
    const wrong = ends.find((error) => error !== undefined && !isOvsdbs(error));
    if (wrong !== undefined) throw wrong;
    return ends;
  },
  isRefusal: () => false,
};

/** The other end of a channel, once: later connections are refused. */
class Server {
  #input: Uint8Array | undefined;

  constructor(input: Uint8Array) {
    this.#input = input;
  }

  accept(events: ChannelEvents) {
    const input = this.#input;
    this.#input = undefined;
    const json = new JsonStream();
    let isOpen = true;
    const close = (cause?: unknown): void => {
      if (!isOpen) return;
      isOpen = false;
      setImmediate(() => events.closed(cause));
    };
    const feed = (): void => {
      for (const chunk of pieces(input ?? Buffer.alloc(0))) {
        try {
          for (const message of json.push(chunk)) if (isOpen) events.received(message);
        } catch (error) {
          close(error);
          return;
        }
      }
    };
    setImmediate(() => {
      if (input === undefined) return close();
      events.opened();
      return setImmediate(feed);
    });
    return { send: () => undefined, close };
  }
}

function messageOf(random: Random, id: number): unknown {
  const kind = random.below(8);
  if (kind === 0) return { method: 'echo', params: ['x'], id: 'x' };
  if (kind === 1) return { method: 'update2', params: ['rows-1', updatesOf(random)], id: null };
  if (kind === 2) {
    const error = {
      error: random.pick(['not leader', 'unknown database', 'constructor', '__proto__']),
      details: random.pick<unknown>([random.text(), 7, null, []]),
    };
    return { id, result: null, error: random.chance(0.3) ? error.error : error };
  }
  if (kind === 3)
    return { id, result: [{ count: 1 }, { uuid: ['uuid', random.text()] }], error: null };
  return { id, result: updatesOf(random), error: null };
}

function updatesOf(random: Random): unknown {
  const changed = random.many(3, () => {
    const name = random.pick(Object.keys(tables));
    const updates = random.many(3, () => [random.pick(['u1', 'u2', 'u3']), updateOf(random, name)]);
    return [odd(random, name), Object.fromEntries(updates)];
  });
  return Object.fromEntries(changed);
}

/** Seldom the name of what every object of JavaScript has. */
const odd = (random: Random, name: string): string =>
  random.chance(0.02) ? random.pick(['__proto__', 'constructor', 'toString', 'uuid']) : name;

function updateOf(random: Random, table: string): unknown {
  const columns = Object.entries(tables[table]?.columns ?? {});
  const given = columns.filter(() => random.chance(0.6));
  const row = Object.fromEntries(
    given.map(([name, column]) => [odd(random, name), wireOf(random, column)]),
  );
  const kind = random.pick(['initial', 'insert', 'modify', 'delete', 'new']);
  return { [kind]: kind === 'delete' ? null : row };
}

function wireOf(random: Random, column: ColumnSchema): unknown {
  const { key, value, min, max } = column;
  const atom = () => atomOf(random, key);
  if (value !== undefined) {
    const pairs = random.many(3, () => [String(atom()), atomOf(random, value)]);
    return encodeValue(column, Object.fromEntries(pairs) as PlainValue);
  }
  if (max > 1) return encodeValue(column, random.many(4, atom));
  return encodeValue(column, min === 0 && random.chance(0.3) ? null : atom());
}

function atomOf(random: Random, { type }: BaseType): Atom {
  if (type === 'integer') return random.edge();
  return type === 'boolean' ? random.chance(0.5) : random.text(6);
}

/** What of OVSDB is fuzzed. */
export const ovsdbTargets: readonly Target[] = [stream, rows, client];
