import {
  to = limiquantix_address_set.offices
  identity = {
    id = "01936912-f000-7000-8000-000000000001"
  }
}
