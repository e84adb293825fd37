/**
 * Checks a message against the contract's rules: the one judgement that the server makes of
 * requests and the provider of a configuration whose values may not all be known yet. Both get the
 * same words and paths. Pure, and loads neither a parser nor a library of rules.
 */
import { type DescField, type DescMessage, isFieldSet, type Message } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { holds } from './expression.js';
import {
  type ExpressionRule,
  type FieldPlan,
  type MessagePlan,
  messagePlan,
  type ValuePlan,
} from './plan.js';
import { wordsFor } from './words.js';

/** A rule that a message breaks. */
export interface Violation {
  /** Where, as users write it: `spec.disks["root"].volume.size_gib`; empty for the message. */
  readonly path: string;
  /** What is wrong and what was given, such as `must be from 1 to 64; got 70`. */
  readonly message: string;
  /** The rule's id, such as `string.min_len`. */
  readonly rule: string;
}

/** What isn't known of a message, and can't be judged yet. Everything is known without it. */
export interface OpenFields {
  /** Whether something in a field isn't known: its value, or one of its items. */
  isOpen(message: Message, field: DescField): boolean;
  /** Where an item of a list that isn't known as a whole stands in what the user wrote. */
  position(message: Message, field: DescField, index: number): number;
}

/** What checking needs from outside. */
export interface CheckOptions {
  /**
   * Whether a text matches a pattern that a user wrote; false for a pattern that is none. Where
   * patterns of strangers are checked, it must not take long for any of them.
   */
  readonly matches: (text: string, pattern: string) => boolean;
}

/** Violations in one answer. */
export const violationsMax = 50;

/**
 * Finds the rules that a message breaks, in the contract's order: at most one for each value, and
 * the first `violationsMax`.
 */
export type Check = (desc: DescMessage, message: Message, open?: OpenFields) => Violation[];

/** Makes the check. What a message type asks for is found out when the first of it comes. */
export function createCheck({ matches }: CheckOptions): Check {
  const plans = new Map<DescMessage, MessagePlan>();
  const planOf = (desc: DescMessage): MessagePlan => {
    const plan = plans.get(desc) ?? messagePlan(desc);
    plans.set(desc, plan);
    return plan;
  };
  return (desc, message, open = allKnown) => {
    const walk = new Walk(planOf, open, matches);
    walk.message(desc, message, { path: '', secret: false });
    return walk.violations.slice(0, violationsMax);
  };
}

const allKnown: OpenFields = { isOpen: () => false, position: (_message, _field, index) => index };

/** Where a value is. */
interface Place {
  readonly path: string;
  readonly secret: boolean;
  /** An empty value counts as missing. */
  readonly needed?: boolean;
  readonly isKey?: boolean;
}

class Walk {
  readonly violations: Violation[] = [];
  readonly #planOf: (desc: DescMessage) => MessagePlan;
  readonly #open: OpenFields;
  readonly #context: Parameters<typeof holds>[2];

  constructor(
    planOf: (desc: DescMessage) => MessagePlan,
    open: OpenFields,
    matches: CheckOptions['matches'],
  ) {
    this.#planOf = planOf;
    this.#open = open;
    this.#context = { matches, isOpen: (message, field) => open.isOpen(message, field) };
  }

  message(desc: DescMessage, message: Message, place: Place): void {
    if (desc.typeName.startsWith('google.protobuf.')) return;
    const plan = this.#planOf(desc);
    for (const field of plan.fields) this.#field(message, field, place);
    for (const rule of plan.expressions) {
      if (this.#breaks(rule, reflect(desc, message))) this.#note(place, rule.id, rule.words);
    }
    for (const oneof of plan.oneofs) {
      if (oneof.fields.some((field) => this.#isGiven(message, field))) continue;
      const names = oneof.fields.map(({ name }) => name).join(', ');
      this.#note(place, 'required', `needs exactly one of ${names}`);
    }
  }

  #field(message: Message, plan: FieldPlan, { path: above, secret }: Place): void {
    const { field } = plan;
    const path = above === '' ? field.name : `${above}.${field.name}`;
    const place = { path, secret: secret || plan.secret, needed: plan.needed };
    const isOpen = this.#open.isOpen(message, field);
    const isSet = isFieldSet(message, field);
    if (!isSet && plan.required && !isOpen) {
      this.#note(place, 'required', 'is required');
      return;
    }
    if (isOpen && field.fieldKind !== 'list' && field.fieldKind !== 'map') return;
    if (!isSet && (isOpen || !plan.whenUnset)) return;
    const value = readField(message, field);
    if (!isOpen) this.#value(value, plan.value, place, () => reflectedField(message, field));
    this.#items(message, plan, value, place);
  }

  /** The items of a list, the entries of a map, or the message that a value is. */
  #items(message: Message, { field, value: plan }: FieldPlan, value: unknown, place: Place): void {
    const { items, keys } = plan;
    if (field.fieldKind === 'list' && items !== undefined) {
      for (const [i, item] of (value as unknown[]).entries()) {
        const at = this.#open.position(message, field, i);
        this.#item(item, items, { ...place, path: `${place.path}[${at}]` });
      }
    } else if (field.fieldKind === 'map' && items !== undefined) {
      for (const [key, item] of Object.entries(value as Record<string, unknown>)) {
        const at = { ...place, path: `${place.path}[${JSON.stringify(key)}]` };
        if (keys !== undefined) this.#value(key, keys, { ...at, isKey: true }, () => key);
        this.#item(item, items, at);
      }
    } else if (field.fieldKind === 'message') {
      this.message(field.message, value as Message, place);
    }
  }

  #item(item: unknown, plan: ValuePlan, place: Place): void {
    const { message } = plan;
    this.#value(item, plan, place, () =>
      message === undefined ? item : reflect(message, item as Message),
    );
    if (message !== undefined) this.message(message, item as Message, place);
  }

  #value(value: unknown, plan: ValuePlan, place: Place, self: () => unknown): void {
    const broken = plan.rules.find((rule) => !rule.holds(value));
    if (broken !== undefined) {
      this.#note(place, broken.id, broken.words, value);
      return;
    }
    if (plan.expressions.length === 0) return;
    const rule = plan.expressions.find((one) => this.#breaks(one, self()));
    if (rule !== undefined) this.#note(place, rule.id, rule.words, value);
  }

  #breaks({ expression }: ExpressionRule, self: unknown): boolean {
    return holds(expression, self, this.#context) === false;
  }

  #isGiven(message: Message, field: DescField): boolean {
    return isFieldSet(message, field) || this.#open.isOpen(message, field);
  }

  #note(
    { path, secret, needed, isKey }: Place,
    rule: string,
    words: string,
    value?: unknown,
  ): void {
    const message = wordsFor(words, { value, secret, needed, isKey });
    this.violations.push({ path, message, rule });
  }
}

function readField(message: Message, field: DescField): unknown {
  const bag = message as unknown as Record<string, unknown>;
  if (field.oneof === undefined) return bag[field.localName];
  return (bag[field.oneof.localName] as { readonly value?: unknown }).value;
}

/** A field's value as expressions see it. */
const reflectedField = (message: Message, field: DescField): unknown =>
  reflect(field.parent, message).get(field);
