list "limiquantix_network" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
