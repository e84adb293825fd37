/** What each member may do, worked out once and again when roles or bindings change. */
import { type Access, accessOf, type Member } from '../decide/access.js';
import type { View } from '../view/view.js';

/** Members that are remembered at once. */
const membersMax = 10_000;
const deciding: ReadonlySet<string> = new Set(['role', 'role_binding']);

/** The access of all members, as far as it was asked for. */
export class AccessBook {
  readonly #view: View;
  readonly #known = new Map<string, Access>();

  constructor(view: View) {
    this.#view = view;
    view.onChange(({ key }) => {
      if (deciding.has(key.type)) this.#known.clear();
    });
  }

  /** What a member may do, as the view has it now. */
  of(member: Member): Access {
    const key = member.kind === 'user' ? `user ${member.name}` : `account ${member.id}`;
    let access = this.#known.get(key);
    if (access === undefined) {
      if (this.#known.size >= membersMax) this.#known.clear();
      access = accessOf(member, this.#view);
      this.#known.set(key, access);
    }
    return access;
  }
}
