/**
 * HashiCorp's go-plugin handshake: what Terraform tells a plugin by its environment, and the line
 * by which the plugin tells where it listens.
 * Source: github.com/hashicorp/go-plugin, docs/internals.md and client.go.
 */

/** What a plugin process finds in its environment. */
export interface PluginEnvironment {
  /** TF_PLUGIN_MAGIC_COOKIE: proof that Terraform started the process. */
  readonly cookie: string | undefined;
  /** PLUGIN_PROTOCOL_VERSIONS: the major versions that Terraform speaks, such as `5,6`. */
  readonly versions: string | undefined;
  /** PLUGIN_CLIENT_CERT: Terraform's certificate in PEM; without it there is no TLS. */
  readonly clientCertificate: string | undefined;
  /** The folder to make the socket's folder in. */
  readonly socketParent: string;
}

/** Not a secret: it only keeps people from starting a plugin by hand. */
const magicCookie = 'd602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2';

/** The major version of the protocol that this plugin speaks. */
export const protocolVersion = 6;

/** Why the process should not serve, or undefined. */
export function refusal(environment: PluginEnvironment): string | undefined {
  if (environment.cookie !== magicCookie) {
    return (
      'this is a Terraform provider, started by Terraform itself. Put it where Terraform finds it ' +
      '(see "filesystem_mirror" in Terraform\'s CLI configuration) and run "terraform init". ' +
      'To work on the provider itself, start it with -debug.'
    );
  }
  const versions = environment.versions?.split(',').map(Number);
  if (versions !== undefined && !versions.includes(protocolVersion)) {
    return (
      `this provider speaks version ${protocolVersion} of Terraform's plugin protocol, and this ` +
      `Terraform only ${environment.versions}: use Terraform 1.0 or newer`
    );
  }
  return undefined;
}

/** The line that a plugin writes to its standard output once it listens. */
export function handshakeLine(socketPath: string, certificateDer: Buffer | undefined): string {
  const certificate = certificateDer?.toString('base64').replace(/=+$/, '') ?? '';
  return `1|${protocolVersion}|unix|${socketPath}|grpc|${certificate}\n`;
}
