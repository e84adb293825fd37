resource "limiquantix_vm_template" "small" {
  name = "small"

  vm = {
    cpu    = { cores = 1 }
    memory = { size_mib = 1024 }
  }
}
