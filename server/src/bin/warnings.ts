/** Keeps Node from announcing that node:sqlite is experimental; other warnings come through. */
const emit = process.emitWarning;

process.emitWarning = ((warning: string | Error, ...rest: unknown[]) => {
  const text = typeof warning === 'string' ? warning : warning.message;
  if (text.startsWith('SQLite is an experimental feature')) return;
  Reflect.apply(emit, process, [warning, ...rest]);
}) as typeof process.emitWarning;
