/** Files of this machine's that go wrong, for tests. */
import { type LogFile, type LogFiles, machineLogFiles } from './log-files.js';

/** The machine's files, of which each that is opened does as `change` has it. */
export function logFilesWith(change: (file: LogFile) => Partial<LogFile>): LogFiles {
  return {
    ...machineLogFiles,
    async open(...call) {
      const file = await machineLogFiles.open(...call);
      return { ...file, ...change(file) };
    },
  };
}
