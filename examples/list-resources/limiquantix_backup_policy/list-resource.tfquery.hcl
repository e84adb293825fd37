list "limiquantix_backup_policy" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
