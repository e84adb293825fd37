import {
  to = limiquantix_security_group.web
  identity = {
    id = "01936912-f000-7000-8000-000000000001"
  }
}
