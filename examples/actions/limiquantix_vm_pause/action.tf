action "limiquantix_vm_pause" "web" {
  config {
    id = limiquantix_vm.web.id
  }
}

# terraform apply -invoke=action.limiquantix_vm_pause.web
