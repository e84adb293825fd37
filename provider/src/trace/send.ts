/** Sends a batch of spans by OTLP over HTTP. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

/** A collector that takes longer gets nothing more of the batch. */
const sendTimeoutMs = 2_000;

/** Makes what posts to a URL. It rejects where the collector doesn't take the batch. */
export function createSend(
  url: string,
  headers: Readonly<Record<string, string>>,
): (body: Uint8Array) => Promise<void> {
  const request = url.startsWith('https:') ? requestHttps : requestHttp;
  return (body) =>
    new Promise((resolve, reject) => {
      const options = {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/x-protobuf' },
        timeout: sendTimeoutMs,
      };
      const call = request(url, options, (response) => {
        const { statusCode = 0 } = response;
        response.resume().on('end', () => {
          if (statusCode >= 200 && statusCode < 300) resolve();
          else reject(new Error(`the collector answered ${statusCode}`));
        });
      });
      call.on('timeout', () => call.destroy(new Error('the collector is too slow')));
      call.on('error', reject);
      call.end(body);
    });
}
