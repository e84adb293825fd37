list "limiquantix_volume" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
