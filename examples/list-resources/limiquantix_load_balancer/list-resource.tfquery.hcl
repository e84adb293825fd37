list "limiquantix_load_balancer" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
