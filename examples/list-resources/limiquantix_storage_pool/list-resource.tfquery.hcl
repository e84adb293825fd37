list "limiquantix_storage_pool" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
