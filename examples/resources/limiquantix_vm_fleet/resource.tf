resource "limiquantix_vm_fleet" "workers" {
  name     = "workers"
  replicas = 2

  vm = {
    cpu    = { cores = 1 }
    memory = { size_mib = 256 }
  }
}
