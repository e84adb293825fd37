list "limiquantix_address_set" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
