action "limiquantix_volume_clone" "data" {
  config {
    id   = limiquantix_volume.data.id
    name = "data-copy"
  }
}

# terraform apply -invoke=action.limiquantix_volume_clone.data
