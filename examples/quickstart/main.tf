# Three virtual machines on two hosts: one uploaded image, one storage pool, one network.
# The scheduler spreads the machines; their addresses are decided before they boot.

terraform {
  required_version = ">= 1.11"

  required_providers {
    limiquantix = {
      source = "limiquantix/limiquantix"
    }
  }
}

# Endpoint, token and CA come from LIMIQUANTIX_* or from the profile file that the server wrote.
provider "limiquantix" {}

locals {
  # Machine name => its fixed address; null lets LimiQuantix choose one.
  machines = {
    app = null
    db  = null
    web = "10.20.0.10"
  }
}

resource "limiquantix_image" "guest" {
  name   = "guest"
  source = { upload = { file = var.guest_image } }
}

# A directory on every node; a volume lives on the node of its machine.
resource "limiquantix_storage_pool" "local" {
  name      = "local"
  directory = { path = "/var/lib/limiquantix/pools/local" }
}

# DHCP answers with each machine's own address.
resource "limiquantix_network" "lan" {
  name = "lan"
  ipv4 = { cidr = "10.20.0.0/24" }
}

resource "limiquantix_vm" "fleet" {
  for_each = local.machines

  name   = each.key
  labels = { stack = "quickstart" }
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

  nics = {
    lan = {
      port = {
        network_id   = limiquantix_network.lan.id
        ip_addresses = each.value == null ? null : [each.value]
      }
    }
  }

  # A web server with one page, so that the machines have something to say to each other.
  provisioning = {
    cloud_init = {
      user_data = "#cloud-config\n${yamlencode({
        write_files = [{ path = "/srv/www/index.html", content = "hello from ${each.key}\n" }]
        runcmd      = [["busybox", "httpd", "-p", "80", "-h", "/srv/www"]]
      })}"
    }
  }

  # A machine counts as created when its guest reports the addresses that were assigned to it.
  wait_for = { guest_addresses = true }
}
