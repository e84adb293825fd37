action "limiquantix_backup_run" "nightly" {
  config {
    id = limiquantix_backup_policy.nightly.id
  }
}

# terraform apply -invoke=action.limiquantix_backup_run.nightly
