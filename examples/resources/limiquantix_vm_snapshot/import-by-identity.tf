import {
  to = limiquantix_vm_snapshot.before_upgrade
  identity = {
    id = "01936912-f000-7000-8000-000000000001"
  }
}
