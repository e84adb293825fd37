list "limiquantix_router" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
