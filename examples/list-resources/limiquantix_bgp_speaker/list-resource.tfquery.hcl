list "limiquantix_bgp_speaker" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
