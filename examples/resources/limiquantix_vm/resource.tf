variable "guest_image" {
  description = "Path of a qcow2 or raw image with cloud-init."
  type        = string
}

resource "limiquantix_image" "guest" {
  name   = "vm-example"
  source = { upload = { file = var.guest_image } }
}

resource "limiquantix_storage_pool" "local" {
  name      = "vm-example"
  directory = { path = "/var/lib/limiquantix/pools/vm-example" }
}

resource "limiquantix_network" "office" {
  name = "vm-example"
  ipv4 = { cidr = "10.30.0.0/24" }
}

resource "limiquantix_vm" "web" {
  name        = "web"
  description = "Serves the intranet."
  labels      = { role = "web" }

  cpu    = { cores = 2 }
  memory = { size_mib = 512 }

  disks = {
    root = {
      volume = {
        pool_id  = limiquantix_storage_pool.local.id
        size_gib = 2
        image_id = limiquantix_image.guest.id
      }
    }

    # Grows in place, while the machine runs, when size_gib is raised.
    data = {
      volume = {
        pool_id  = limiquantix_storage_pool.local.id
        size_gib = 4
      }
    }
  }

  nics = {
    lan = {
      port = {
        network_id   = limiquantix_network.office.id
        ip_addresses = ["10.30.0.10"]
      }
    }
  }

  provisioning = {
    cloud_init = {
      user_data = <<-EOT
        #cloud-config
        hostname: web
        ssh_authorized_keys:
          - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExample you@example
      EOT
    }
  }

  ha       = { restart = "on_failure" }
  wait_for = { guest_agent = true }
  timeouts = { create = "15m" }
}

output "address" {
  value = limiquantix_vm.web.status.nics["lan"].ip_addresses[0]
}
