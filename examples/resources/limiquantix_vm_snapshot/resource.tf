resource "limiquantix_storage_pool" "local" {
  name      = "vm-snapshot-example"
  directory = { path = "/var/lib/limiquantix/pools/vm-snapshot-example" }
}

resource "limiquantix_vm" "db" {
  name        = "vm-snapshot-example"
  power_state = "stopped"
  cpu         = { cores = 1 }
  memory      = { size_mib = 256 }
  disks = {
    root = { volume = { pool_id = limiquantix_storage_pool.local.id, size_gib = 1 } }
  }
}

resource "limiquantix_vm_snapshot" "before_upgrade" {
  name  = "before-upgrade"
  vm_id = limiquantix_vm.db.id
}
