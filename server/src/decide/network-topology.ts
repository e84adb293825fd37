/**
 * What hangs together in a network: networks, routers, ports and machines as a graph, with an edge
 * for each reference from one to another. Pure.
 */
import type { Port } from '@limiquantix/proto/network/v1/port_pb.js';
import type { Router } from '@limiquantix/proto/network/v1/router_pb.js';
import type { Lookup } from '../resource/lookup.js';
import type { AnyResource, TypeName } from '../resource/resource.js';

/** One thing of the graph. */
export interface TopologyNode {
  readonly type: TypeName;
  readonly id: string;
  readonly name: string;
  readonly ipAddresses: string[];
}

/** Two things that hang together. */
export interface TopologyEdge {
  readonly fromId: string;
  readonly toId: string;
  readonly label: string;
}

const types: readonly TypeName[] = ['network', 'router', 'port', 'vm'];

/** The graph of a project; of all projects without one. */
export function networkTopology(
  lookup: Lookup,
  projectId: string,
): { nodes: TopologyNode[]; edges: TopologyEdge[] } {
  const of = <R extends AnyResource>(type: TypeName): readonly R[] =>
    lookup.list<R>(type).filter((one) => projectId === '' || one.projectId === projectId);
  const nodes = types.flatMap((type) =>
    of(type).map(({ id, name, status }) => {
      const addresses = (status as { ipAddresses?: string[] } | undefined)?.ipAddresses;
      return { type, id, name, ipAddresses: [...(addresses ?? [])] };
    }),
  );
  const known = new Set(nodes.map(({ id }) => id));
  const edges = [
    ...of<Port>('port').flatMap(portEdges),
    ...of<Router>('router').flatMap(routerEdges),
  ];
  return { nodes, edges: edges.filter(({ fromId, toId }) => known.has(fromId) && known.has(toId)) };
}

function portEdges({ id, spec, status, owner }: Port): TopologyEdge[] {
  const vmId = status?.vmId || (owner?.type === 'vm' ? owner.id : '');
  return [
    { fromId: spec?.networkId ?? '', toId: id, label: 'port' },
    { fromId: id, toId: vmId, label: owner?.device ?? '' },
  ];
}

function routerEdges({ id, spec }: Router): TopologyEdge[] {
  const own = Object.entries(spec?.interfaces ?? {}).map(([label, { networkId }]) => ({
    fromId: networkId,
    toId: id,
    label,
  }));
  const outside = spec?.gateway?.networkId ?? '';
  return [...own, { fromId: outside, toId: id, label: 'gateway' }];
}
