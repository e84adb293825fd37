# After a new release is in place, the machine starts again.
action "limiquantix_vm_reboot" "web" {
  config {
    id               = limiquantix_vm.web.id
    graceful_seconds = 120
  }
}

resource "terraform_data" "release" {
  input = "1.4.2"

  lifecycle {
    action_trigger {
      events  = [after_update]
      actions = [action.limiquantix_vm_reboot.web]
    }
  }
}
