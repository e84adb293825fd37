action "limiquantix_vm_stop" "web" {
  config {
    id               = limiquantix_vm.web.id
    graceful_seconds = 120
  }
}

# terraform apply -invoke=action.limiquantix_vm_stop.web
