list "limiquantix_bgp_peer" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
