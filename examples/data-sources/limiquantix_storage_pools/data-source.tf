data "limiquantix_storage_pools" "all" {}

output "free_bytes" {
  value = {
    for pool in data.limiquantix_storage_pools.all.storage_pools :
    pool.name => try(pool.status.capacity.available_bytes, 0)
  }
}
