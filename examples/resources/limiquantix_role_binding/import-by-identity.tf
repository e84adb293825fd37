import {
  to = limiquantix_role_binding.deployer
  identity = {
    id = "01936912-f000-7000-8000-000000000001"
  }
}
