action "limiquantix_image_import" "debian" {
  config {
    id = limiquantix_image.debian.id
  }
}

# terraform apply -invoke=action.limiquantix_image_import.debian
