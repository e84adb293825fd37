variable "guest_image" {
  description = "Path of a qcow2 or raw image with cloud-init."
  type        = string
}

resource "limiquantix_image" "guest" {
  name   = "fleet-example"
  source = { upload = { file = var.guest_image } }
}

resource "limiquantix_storage_pool" "local" {
  name      = "fleet-example"
  directory = { path = "/var/lib/limiquantix/pools/fleet-example" }
}

resource "limiquantix_network" "lan" {
  name = "fleet-example"
  ipv4 = { cidr = "10.31.0.0/24" }
}

resource "limiquantix_vm_fleet" "workers" {
  name     = "workers"
  replicas = 3

  vm = {
    cpu    = { cores = 1 }
    memory = { size_mib = 256 }

    disks = {
      root = {
        volume = {
          pool_id  = limiquantix_storage_pool.local.id
          size_gib = 1
          image_id = limiquantix_image.guest.id
        }
      }
    }

    nics = { lan = { port = { network_id = limiquantix_network.lan.id } } }

    provisioning = {
      cloud_init = {
        user_data = <<-EOT
          #cloud-config
          hostname: {{fleet.name}}-{{fleet.index}}
        EOT
      }
    }
  }

  # Machine 0 is larger, and has an address that others can rely on.
  overrides = {
    "0" = {
      memory       = { size_mib = 512 }
      ip_addresses = { lan = "10.31.0.10" }
    }
  }

  # A change reaches one machine after the other, each when the one before is ready.
  rollout = { max_unavailable = 1 }
}

# The machines themselves: found by the label that each has.
data "limiquantix_vms" "workers" {
  labels     = { fleet = "workers" }
  depends_on = [limiquantix_vm_fleet.workers]
}

output "addresses" {
  value = { for vm in data.limiquantix_vms.workers.vms : vm.name => vm.status.nics["lan"].ip_addresses[0] }
}
