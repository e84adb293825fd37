import {
  to = limiquantix_vm_template.small
  identity = {
    id = "01936912-f000-7000-8000-000000000001"
  }
}
