list "limiquantix_vpn" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
