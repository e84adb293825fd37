action "limiquantix_vm_resize_disk" "web" {
  config {
    id       = limiquantix_vm.web.id
    device   = "root"
    size_gib = 40
  }
}

# terraform apply -invoke=action.limiquantix_vm_resize_disk.web
