action "limiquantix_vm_guest_exec" "web" {
  config {
    id              = limiquantix_vm.web.id
    program         = "/usr/bin/systemctl"
    arguments       = ["reload", "nginx"]
    timeout_seconds = 60
  }
}

# terraform apply -invoke=action.limiquantix_vm_guest_exec.web
