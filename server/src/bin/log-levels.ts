/** Which lines a log has. Pure. */

/** The levels, the most talkative first. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const;

/** A level: lines below it are dropped. */
export type LogLevel = (typeof logLevels)[number];
