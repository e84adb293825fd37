/**
 * The shape of the provider's own configuration. Each argument can also be given by an environment
 * variable or by the profile file.
 */
import type { TerraformType } from '../value/type.js';
import { allowDisruptionName, disruptionWordList } from './own-attributes.js';

/** An argument of the provider. */
export interface ProviderArgument {
  readonly name: 'endpoint' | 'token' | 'ca_certificate' | 'profile' | typeof allowDisruptionName;
  readonly sensitive: boolean;
  readonly description: string;
}

/** What the provider is for. */
export const providerDescription =
  'LimiQuantix: virtual machines, networks and storage on your own hosts.';

/** The arguments. */
export const providerArguments: readonly ProviderArgument[] = [
  {
    name: 'endpoint',
    sensitive: false,
    description:
      "The control plane's address, such as `https://127.0.0.1:7443`. Also `LIMIQUANTIX_ENDPOINT`, " +
      'or the profile.',
  },
  {
    name: 'token',
    sensitive: true,
    description:
      'The API token to authenticate with, such as `limiquantix token create` makes. Also ' +
      '`LIMIQUANTIX_TOKEN`, or the profile.',
  },
  {
    name: 'ca_certificate',
    sensitive: false,
    description:
      'The certificate, in PEM, of the CA that the control plane made at its first start. Also ' +
      '`LIMIQUANTIX_CA_CERTIFICATE` (PEM, or a path), or the profile.',
  },
  {
    name: 'profile',
    sensitive: false,
    description:
      'The path of a profile file, which holds the other three. Also `LIMIQUANTIX_PROFILE`; ' +
      '`~/.config/limiquantix/profile.json` without either.',
  },
  {
    name: allowDisruptionName,
    sensitive: false,
    description:
      `The most that a change may cost what runs, one of ${disruptionWordList}; everything without ` +
      'it. Also `LIMIQUANTIX_ALLOW_DISRUPTION`; an attribute of the same name in a resource wins.',
  },
];

/** The type of the provider's configuration. */
export const providerType: TerraformType = {
  kind: 'object',
  attributes: Object.fromEntries(providerArguments.map(({ name }) => [name, 'string' as const])),
};
