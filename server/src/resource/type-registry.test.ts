import { contractTypes } from './type-registry.js';

describe('type registry', () => {
  it('finds every resource of the contract with its service', () => {
    const found = contractTypes.types.map(({ type, service, scope }) => [
      type,
      service.name,
      scope,
    ]);
    expect(found).toEqual(
      expect.arrayContaining([
        ['vm', 'VirtualMachineService', 'project'],
        ['node', 'NodeService', 'installation'],
        ['storage_pool', 'StoragePoolService', 'installation'],
        ['volume', 'VolumeService', 'project'],
        ['image', 'ImageService', 'project'],
        ['network', 'VirtualNetworkService', 'project'],
        ['port', 'PortService', 'project'],
      ]),
    );
  });

  it('names the fields that hold the resource in each standard method', () => {
    const { methods } = contractTypes.get('vm');
    expect(methods.write?.create.request.localName).toBe('vm');
    expect(methods.list.response.localName).toBe('vms');
    expect(methods.watch.method.methodKind).toBe('server_streaming');
  });

  it('says which types are ready as soon as they are stored', () => {
    expect(contractTypes.get('node').readiness).toBe('stored');
    expect(contractTypes.get('vm').readiness).toBe('condition');
  });

  it('refuses a type that the contract does not have', () => {
    expect(contractTypes.find('pod')).toBeUndefined();
    expect(() => contractTypes.get('pod')).toThrow('pod');
  });
});
