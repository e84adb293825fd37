/**
 * `token` and `node join-token`: makes, lists and revokes what users and hosts prove themselves
 * with.
 */
import type { Client } from '@connectrpc/connect';
import type { TokenService } from '@limiquantix/proto/identity/v1/token_service_pb.js';
import { Command } from 'commander';
import { type Cli, parseCount, parseDuration, transportFor, withProfileOptions } from './cli.js';
import type { ProfileArguments } from './profile.js';

interface JoinTokenOptions extends ProfileArguments {
  readonly nodeName?: string;
  readonly expires?: number;
  readonly uses: number;
}

/** The command `token`. */
export function tokenCommand(cli: Cli): Command {
  const command = new Command('token').description('API tokens and join tokens');
  withProfileOptions(command.command('create'))
    .description('make an API token; it is shown this once')
    .argument('<name>', 'what it is for')
    .option('--expires <duration>', 'after how long it expires, such as 30d', parseDuration)
    .action(async (name: string, options: ProfileArguments & { expires?: number }) => {
      const expiresInSeconds = BigInt(options.expires ?? 0);
      const client = await tokens(cli, options);
      const { token } = await client.issueUserToken({ name, expiresInSeconds });
      cli.stdout.write(`${token}\n`);
    });
  withProfileOptions(command.command('issue'))
    .description('issue the secret of an API token resource; it is shown this once')
    .argument('<name>', "the resource's name")
    .action(async (name: string, options: ProfileArguments) => {
      const { createClient } = await import('@connectrpc/connect');
      const service = await import('@limiquantix/proto/identity/v1/api_token_service_pb.js');
      const client = createClient(service.ApiTokenService, await transportFor(cli, options));
      const { apiTokens } = await client.listApiTokens({ filter: `name=${JSON.stringify(name)}` });
      const [found] = apiTokens;
      if (found === undefined) throw await noToken(name);
      const { token } = await client.issueApiToken({ id: found.id });
      cli.stdout.write(`${token}\n`);
    });
  withProfileOptions(command.command('list'))
    .description('list the tokens, without their secrets')
    .action(async (options: ProfileArguments) => {
      const { timestampDate } = await import('@bufbuild/protobuf/wkt');
      const { TokenKind } = await import('@limiquantix/proto/identity/v1/token_service_pb.js');
      const client = await tokens(cli, options);
      const { tokens: found } = await client.listTokens({});
      for (const { id, name, kind, expiresAt } of found) {
        const word = TokenKind[kind].toLowerCase().padEnd(4);
        const end = expiresAt === undefined ? 'never' : timestampDate(expiresAt).toISOString();
        cli.stdout.write(`${id}  ${word}  expires ${end}  ${name}\n`);
      }
    });
  withProfileOptions(command.command('revoke'))
    .description('make a token useless at once')
    .argument('<id>', "the token's id")
    .action(async (id: string, options: ProfileArguments) => {
      const client = await tokens(cli, options);
      await client.revokeToken({ id });
      cli.stdout.write(`token ${id} revoked\n`);
    });
  return command;
}

/** `join-token`, a command of `node`. */
export function joinTokenCommand(cli: Cli): Command {
  return withProfileOptions(new Command('join-token'))
    .description('make a token that lets hosts join; it is shown this once')
    .option('--node-name <name>', 'the one node that may join with it')
    .option('--expires <duration>', 'after how long it expires (default: 1h)', parseDuration)
    .option('--uses <count>', 'how many hosts may join with it', parseCount(1), 1)
    .action(async (options: JoinTokenOptions) => {
      const client = await tokens(cli, options);
      const { token } = await client.createJoinToken({
        nodeName: options.nodeName ?? '',
        expiresInSeconds: BigInt(options.expires ?? 0),
        uses: options.uses,
      });
      cli.stdout.write(`${token}\n`);
    });
}

async function noToken(name: string): Promise<Error> {
  const { Code } = await import('@connectrpc/connect');
  const { LimiError } = await import('../resource/error.js');
  return new LimiError({
    code: Code.NotFound,
    reason: 'NOT_FOUND',
    message: `there is no api token named ${JSON.stringify(name)}; create one first`,
  });
}

async function tokens(cli: Cli, options: ProfileArguments): Promise<Client<typeof TokenService>> {
  const { createClient } = await import('@connectrpc/connect');
  const service = await import('@limiquantix/proto/identity/v1/token_service_pb.js');
  return createClient(service.TokenService, await transportFor(cli, options));
}
