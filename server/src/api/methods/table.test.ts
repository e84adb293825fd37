/** That no method of the contract is forgotten. */
import { operationRules } from '../../decide/operation-rules.js';
import { contractTypes } from '../../resource/type-registry.js';
import { customMethods } from './table.js';

/** Served by the services of identities, which are no part of this table. */
const elsewhere = new Set([
  'IssueApiToken',
  'IssueShortLivedApiToken',
  'RenewShortLivedApiToken',
  'RevokeShortLivedApiToken',
  'TestPermissions',
]);

const table = customMethods();
const standard = contractTypes.types.flatMap(({ methods }) => {
  const { get, list, watch, write } = methods;
  const all = [get, list, watch, ...(write ? [write.create, write.update, write.delete] : [])];
  return all.map(({ method }) => method);
});
const custom = contractTypes.types.flatMap(({ service }) =>
  service.methods.filter((method) => !standard.includes(method) && !elsewhere.has(method.name)),
);

it.each(custom.map((method) => [method.name, method]))(
  '%s is served or refused by name',
  (_, method) => {
    const rows = table.filter((row) => row.method === method);
    expect(rows).toHaveLength(1);
    const [row] = rows;
    if (row?.serve === undefined) expect(row?.missing).toMatch(/\w/);
  },
);

it('has no row for a method that the contract does not have', () => {
  expect(table.filter(({ method }) => !custom.includes(method))).toEqual([]);
});

it('has a rule for each served method that answers with an operation', () => {
  const beginning = table.filter(
    ({ method, serve }) =>
      serve !== undefined &&
      method.parent.name !== 'OperationService' &&
      method.output.fields.some(({ message }) => message?.name === 'Operation'),
  );
  expect(
    beginning.map(({ method }) => method.name).filter((name) => !operationRules.has(name)),
  ).toEqual([]);
});
