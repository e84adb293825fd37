# A way back, taken before each change of the machine.
action "limiquantix_vm_create_snapshot" "web" {
  config {
    id          = limiquantix_vm.web.id
    name        = "before-upgrade"
    description = "as it was before the upgrade"
  }
}

resource "terraform_data" "release" {
  input = "1.4.2"

  lifecycle {
    action_trigger {
      events  = [before_update]
      actions = [action.limiquantix_vm_create_snapshot.web]
    }
  }
}
