action "limiquantix_volume_move" "data" {
  config {
    id      = limiquantix_volume.data.id
    pool_id = limiquantix_storage_pool.fast.id
  }
}

# terraform apply -invoke=action.limiquantix_volume_move.data
