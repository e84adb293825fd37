action "limiquantix_vm_clone" "web" {
  config {
    id    = limiquantix_vm.web.id
    name  = "web-copy"
    start = true
  }
}

# terraform apply -invoke=action.limiquantix_vm_clone.web
