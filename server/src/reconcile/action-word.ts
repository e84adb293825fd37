/** What an action of a driver is called in logs, traces and findings. Pure. */

/** An action's own word, such as `define`, or what it does where it has none. */
export function wordOfAction(action: unknown): string {
  if (typeof action === 'string') return action;
  const { kind, what } = action as { readonly kind?: unknown; readonly what?: unknown };
  return String(kind ?? what ?? 'change');
}
