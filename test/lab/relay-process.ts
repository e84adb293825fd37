/** The lab's relay as a process, without the bundle: what `limiquantix lab relay` runs. */
import { parseArgs } from 'node:util';
import { startRelayServer } from '../../server/src/lab/lab.js';

const text = { type: 'string', default: '' } as const;
const { values } = parseArgs({ options: { listen: text, to: text, 'pid-file': text } });
const [host = '', port] = values.listen.split(':');
void startRelayServer({
  host,
  port: Number(port),
  socketPath: values.to,
  pidFile: values['pid-file'],
});
