/**
 * Headers of calls, as Connect uses them: the web's `Headers`, in its order and with its checks.
 * The bundle has it in place of the global one, for which Node loads another whole HTTP client: a
 * quarter of the time in which `limiquantix get` answers.
 * Source: fetch.spec.whatwg.org, "Headers class".
 */
type Init = Iterable<readonly string[]> | Readonly<Record<string, string>>;

const nameForm = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const cookies = 'set-cookie';

class CallHeaders {
  readonly #values = new Map<string, string[]>();

  constructor(init: Init = {}) {
    const isList = Symbol.iterator in init;
    for (const [name = '', value = ''] of isList
      ? (init as Iterable<string[]>)
      : Object.entries(init)) {
      this.append(name, value);
    }
  }

  append(name: string, value: string): void {
    const key = keyOf(name);
    const given = this.#values.get(key);
    if (given === undefined) this.#values.set(key, [checked(value)]);
    else given.push(checked(value));
  }

  set(name: string, value: string): void {
    this.#values.set(keyOf(name), [checked(value)]);
  }

  delete(name: string): void {
    this.#values.delete(keyOf(name));
  }

  get(name: string): string | null {
    return this.#values.get(keyOf(name))?.join(', ') ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(keyOf(name));
  }

  getSetCookie(): string[] {
    return [...(this.#values.get(cookies) ?? [])];
  }

  *entries(): IterableIterator<[string, string]> {
    for (const name of [...this.#values.keys()].sort()) {
      const values = this.#values.get(name) ?? [];
      if (name === cookies) for (const value of values) yield [name, value];
      else yield [name, values.join(', ')];
    }
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this.entries()) yield value;
  }

  forEach(
    visit: (value: string, name: string, headers: CallHeaders) => void,
    self?: unknown,
  ): void {
    for (const [name, value] of this.entries()) visit.call(self, value, name, this);
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }
}

function keyOf(name: string): string {
  if (!nameForm.test(name)) throw new TypeError(`"${name}" is an invalid header name.`);
  return name.toLowerCase();
}

function checked(value: string): string {
  const trimmed = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
  // What it is may be a secret.
  if (/[\n\r]/.test(trimmed) || !isBytes(trimmed))
    throw new TypeError('this is an invalid header value.');
  return trimmed;
}

/** Whether each character is one byte, and none is zero. */
function isBytes(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0 || code > 0xff) return false;
  }
  return true;
}

export { CallHeaders as Headers };
