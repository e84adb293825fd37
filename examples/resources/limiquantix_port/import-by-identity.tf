import {
  to = limiquantix_port.printer
  identity = {
    id = "01936912-f000-7000-8000-000000000001"
  }
}
