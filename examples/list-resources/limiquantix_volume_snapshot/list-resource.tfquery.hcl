list "limiquantix_volume_snapshot" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
