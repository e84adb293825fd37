/** `limiquantix doctor`: what it takes. What it does is in `doctor.ts`, loaded when it runs. */
import { Command, CommanderError, Option } from 'commander';
import { type Cli, withProfileOptions } from './cli.js';
import type { ProfileArguments } from './profile.js';

/** The options of `doctor`. */
export interface DoctorOptions extends ProfileArguments {
  readonly repair?: boolean;
  readonly deleteData?: boolean;
  readonly foreign?: boolean;
  readonly output?: 'table' | 'wide' | 'yaml' | 'json';
}

const help = `
It asks every host and the control plane what libvirt, the disks, OVN and the image library hold,
and names what is not as wanted, with the resource that it belongs to:

  stray        it belongs to nothing that exists, or is not wanted there
  duplicate    a machine that is on another host as well
  missing      a resource says that it has it, and it is not there
  differs      it is there, and not as it is wanted
  not ready    a resource that is not, or not yet, as its spec wants it
  conflict     two have what only one can have, such as an address
  unreachable  a place that could not be asked
  foreign      not LimiQuantix's own; with --foreign only, and never touched

Whatever is found is looked at twice, so that what is on its way is not reported. It exits with 0
where all is well, and with 9 where anything but foreign things is left.`;

/** The command. */
export function doctorCommand(cli: Cli): Command {
  return withProfileOptions(new Command('doctor'))
    .description('compare what hosts and networks hold with what is wanted, and mend it on request')
    .option(
      '--repair',
      'remove what belongs to nothing, and look again at what is missing or differs',
    )
    .option(
      '--delete-data',
      'with --repair: also remove files of volumes that do not exist any more; their data is lost',
    )
    .option('--foreign', "also list what is not LimiQuantix's own")
    .addOption(
      new Option('-o, --output <format>', 'how to show it').choices([
        'table',
        'wide',
        'yaml',
        'json',
      ]),
    )
    .addHelpText('after', help)
    .action(async (options: DoctorOptions) => {
      const { doctor } = await import('./doctor.js');
      const code = await doctor(cli, options);
      if (code !== 0) throw new CommanderError(code, 'limiquantix.found', '');
    });
}
