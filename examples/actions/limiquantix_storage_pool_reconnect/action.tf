action "limiquantix_storage_pool_reconnect" "local" {
  config {
    id = limiquantix_storage_pool.local.id
  }
}

# terraform apply -invoke=action.limiquantix_storage_pool_reconnect.local
