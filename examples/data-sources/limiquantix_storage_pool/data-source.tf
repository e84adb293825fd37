data "limiquantix_storage_pool" "local" {
  name = "local-ssd"
}

output "phase" {
  value = data.limiquantix_storage_pool.local.status.phase
}
