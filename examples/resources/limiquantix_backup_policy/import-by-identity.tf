import {
  to = limiquantix_backup_policy.nightly
  identity = {
    id = "01936912-f000-7000-8000-000000000001"
  }
}
