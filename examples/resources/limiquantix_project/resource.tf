# Names are unique in a project, roles are bound to it, and its quota counts in it.
resource "limiquantix_project" "shop" {
  name        = "shop"
  description = "The web shop."

  quota = {
    vcpus       = 64
    memory_mib  = 262144
    storage_gib = 4096
    vms         = 40
  }
}
