/**
 * Joining: a host proves itself with a join token and gets a client certificate for a node: the
 * declared node of that name, or a new one. A host that was set up anew takes its node over.
 */
import { create } from '@bufbuild/protobuf';
import { NodeSchema } from '@limiquantix/proto/compute/v1/node_pb.js';
import type { CertificateAuthority } from '../identity/certificate-authority.js';
import type { Tokens } from '../identity/tokens.js';
import { type ApiContext, freshen } from './api-context.js';
import { createResource } from './create-resource.js';
import { invalidFields } from './validation.js';

/** What joining works with. */
export interface JoinOptions {
  readonly context: ApiContext;
  readonly tokens: Tokens;
  readonly authority: CertificateAuthority;
}

/** A host that wants to join. */
export interface JoinRequest {
  readonly joinToken: string;
  readonly nodeName: string;
  /** A certificate request in PEM; only its public key is used. */
  readonly csrPem: string;
}

/**
 * Joins a host. Throws UNAUTHENTICATED where the token is no good, INVALID_ARGUMENT for a bad
 * request.
 */
export async function joinNode(
  { context, tokens, authority }: JoinOptions,
  request: JoinRequest,
): Promise<{ nodeId: string; certificatePem: string }> {
  const { joinToken, nodeName, csrPem } = request;
  await tokens.verifyJoinToken(joinToken, nodeName);
  const nodeId = await ensureNode(context, nodeName);
  const certificatePem = await authority.signAgent(csrPem, nodeId);
  // Last, so that a request that fails costs no use; what it made is a declared node like any
  // other.
  await tokens.redeemJoinToken(joinToken, nodeName);
  return { nodeId, certificatePem };
}

/** The id of the node with a name: the declared one's, or a new one's. */
export async function ensureNode(context: ApiContext, name: string): Promise<string> {
  const type = context.types.get('node');
  await freshen(context);
  const known = context.view.findByName({ type: type.type, projectId: '', name });
  if (known?.deletionRequestedAt !== undefined) {
    const message = `${JSON.stringify(name)} is a node that is being removed; wait until it is gone`;
    throw invalidFields([{ path: 'node_name', message }], 'BEING_DELETED');
  }
  if (known !== undefined) return known.id;
  const input = create(NodeSchema, { name, spec: {} });
  context.validate(type.message, input);
  const { resource } = await createResource(context, {
    type,
    input,
    caller: { kind: 'system' },
    requestId: '',
    validateOnly: false,
  });
  return resource.id;
}
