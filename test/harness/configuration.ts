/** Terraform configurations for tests: a base that everything needs, and virtual machines on it. */

/** The provider, an image, a pool and a network. */
export const baseWith = (cidr: string): string => `
terraform {
  required_providers { limiquantix = { source = "limiquantix/limiquantix" } }
}
variable "image" { type = string }
provider "limiquantix" {}
resource "limiquantix_image" "guest" {
  name   = "guest"
  source = { upload = { file = var.image } }
}
resource "limiquantix_storage_pool" "local" {
  name      = "local"
  directory = { path = "/var/lib/limiquantix/pools/local" }
}
resource "limiquantix_network" "lan" {
  name = "lan"
  ipv4 = { cidr = "${cidr}" }
}
`;

/** The same with a network `10.20.0.0/24`. */
export const base = baseWith('10.20.0.0/24');

/** What of a machine a test wants otherwise than usual; values are HCL. */
export interface MachineHcl {
  readonly attributes?: string;
  readonly memoryMib?: number;
  readonly rootGib?: number;
  /** Further disks: `data = { … }`. */
  readonly disks?: string;
  /** The fixed address, or none. */
  readonly address?: string;
  readonly imageId?: string;
}

/** What a machine is, as the resource, a template and a fleet say it. */
export function machineBody(options: MachineHcl = {}): string {
  const { attributes = '', memoryMib = 256, rootGib = 1, disks = '', address } = options;
  const imageId = options.imageId ?? 'limiquantix_image.guest.id';
  const addresses = address === undefined ? '' : `ip_addresses = ["${address}"]`;
  return `
  ${attributes}
  cpu    = { cores = 1 }
  memory = { size_mib = ${memoryMib} }
  disks = {
    root = {
      volume = {
        pool_id  = limiquantix_storage_pool.local.id
        size_gib = ${rootGib}
        image_id = ${imageId}
      }
    }
    ${disks}
  }
  nics = {
    lan = {
      port = {
        network_id = limiquantix_network.lan.id
        ${addresses}
      }
    }
  }
`;
}

/** A virtual machine with a root disk and an interface in the base's network. */
export function machine({ name, ...body }: MachineHcl & { readonly name: string }): string {
  return `
resource "limiquantix_vm" "${name}" {
  name   = "${name}"
  ${machineBody(body)}
}
`;
}

/** A volume of its own in the base's pool, and the disk entry that attaches it. */
export function dataVolume(name: string): { resource: string; disk: string } {
  return {
    resource: `
resource "limiquantix_volume" "${name}" {
  name     = "${name}"
  pool_id  = limiquantix_storage_pool.local.id
  size_gib = 1
}
`,
    disk: `${name} = { volume_id = limiquantix_volume.${name}.id }`,
  };
}

/** Terraform's output on one line, without the frames of its diagnostics. */
export function flat(output: string): string {
  return output.replace(/[│╷╵]/g, ' ').replace(/\s+/g, ' ');
}

/** A template of machines like those of `machine`, for which the guest's agent is waited for. */
export function template(options: {
  readonly name: string;
  readonly memoryMib: number;
  /** More of the machine, and of the template: HCL. */
  readonly machine?: string;
  readonly attributes?: string;
}): string {
  const { name, memoryMib, machine: more = '', attributes = '' } = options;
  return `
resource "limiquantix_vm_template" "${name}" {
  name = "${name}"
  vm = {
    ${machineBody({ memoryMib, attributes: more })}
    wait_for = { guest_agent = true }
  }
  ${attributes}
}
`;
}
