data "limiquantix_storage_pool" "local" {
  name = "local-disks"
}

output "phase" {
  value = data.limiquantix_storage_pool.local.status.phase
}
