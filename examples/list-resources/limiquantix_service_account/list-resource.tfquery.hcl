list "limiquantix_service_account" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
