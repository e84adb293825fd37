import {
  to = limiquantix_policy.small_machines
  identity = {
    id = "01936912-f000-7000-8000-000000000001"
  }
}
