action "limiquantix_backup_restore" "web" {
  config {
    id   = "01936912-f000-7000-8000-000000000001"
    name = "web-restored"
  }
}

# terraform apply -invoke=action.limiquantix_backup_restore.web
