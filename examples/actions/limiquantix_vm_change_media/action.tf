action "limiquantix_vm_change_media" "web" {
  config {
    id       = limiquantix_vm.web.id
    device   = "cdrom"
    image_id = limiquantix_image.tools.id
  }
}

# terraform apply -invoke=action.limiquantix_vm_change_media.web
