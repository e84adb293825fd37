import { create } from '@bufbuild/protobuf';
import { InventoryReportSchema } from '@limiquantix/proto/agent/v1/agent_service_pb.js';
import { ownObject } from '../decide/backend-object.js';
import { VirtualClock } from '../reconcile/virtual-clock.js';
import { Questions } from './questions.js';

const question = { removals: [], attention: [], deleteData: false, timeoutMs: 1_000 };
const object = (id: string) =>
  ownObject({ backend: 'libvirt', kind: 'domain', name: id, type: 'vm', id });

it('puts the parts of an answer together, and knows whose they are', async () => {
  const questions = new Questions(new VirtualClock(0));
  const [one, two] = [questions.ask(question), questions.ask(question)];
  const part = (number: bigint, id: string, last: boolean) =>
    questions.take(create(InventoryReportSchema, { number, objects: [object(id)], last }));
  part(two.request.number, 'c', true);
  part(one.request.number, 'a', false);
  part(one.request.number, 'b', true);
  expect((await one.answer).objects.map(({ id }) => id)).toEqual(['a', 'b']);
  expect((await two.answer).objects.map(({ id }) => id)).toEqual(['c']);
});

it('gives up what is not answered in time, and drops the answer that comes too late', async () => {
  const clock = new VirtualClock(0);
  const questions = new Questions(clock);
  const { request, answer } = questions.ask(question);
  const refused = expect(answer).rejects.toMatchObject({ reason: 'AGENT_SILENT' });
  clock.advance(1_000);
  await refused;
  questions.take(create(InventoryReportSchema, { number: request.number, last: true }));
});

it('ends every question with the stream', async () => {
  const questions = new Questions(new VirtualClock(0));
  const { answer } = questions.ask(question);
  const refused = expect(answer).rejects.toMatchObject({ reason: 'AGENT_NOT_CONNECTED' });
  questions.end();
  await refused;
});
