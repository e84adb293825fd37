/**
 * The form of the functions that answer Terraform's calls, one for each.
 */
import type { DescMethod, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { Provider } from '../../gen/tfplugin6_pb.js';

type Methods = typeof Provider.method;

/** What a call asks. */
export type Ask<Name extends keyof Methods> = MessageShape<Methods[Name]['input']>;

/** What a call answers. */
export type Answer<Name extends keyof Methods> = MessageInitShape<Methods[Name]['output']>;

type Rpc<Method extends DescMethod> = Method['methodKind'] extends 'unary' | 'client_streaming'
  ? (
      request: MessageShape<Method['input']>,
    ) => Promise<MessageInitShape<Method['output']>> | MessageInitShape<Method['output']>
  : (request: MessageShape<Method['input']>) => AsyncIterable<MessageInitShape<Method['output']>>;

/** A function for each of some calls. */
export type Rpcs<Names extends keyof Methods> = { readonly [Name in Names]: Rpc<Methods[Name]> };

/** All calls but the two that need no message: the schema's and the end's. */
export type AllRpcs = Rpcs<Exclude<keyof Methods, 'getProviderSchema'>>;
