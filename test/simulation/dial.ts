/** The way to a simulated database's server: it ends with its client's process, and can be cut. */
import type { Channel, Dial } from '../../server/src/wire/ovsdb/endpoint.js';
import type { Life } from './life.js';

/** The same way, for one life. */
export function dialInLife(dial: Dial, life: Life): Dial {
  return (endpoint, events) => {
    const when = (fn: () => void): void => {
      if (!life.isDead) fn();
    };
    const channel: Channel = dial(endpoint, {
      opened: () => when(() => events.opened()),
      received: (message) => when(() => events.received(message)),
      closed: (cause) => when(() => events.closed(cause)),
    });
    const off = life.onDeath(() => channel.close());
    return {
      send: (message) => when(() => channel.send(message)),
      close() {
        off();
        channel.close();
      },
    };
  };
}
