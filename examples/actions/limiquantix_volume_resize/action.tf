action "limiquantix_volume_resize" "data" {
  config {
    id       = limiquantix_volume.data.id
    size_gib = 100
  }
}

# terraform apply -invoke=action.limiquantix_volume_resize.data
