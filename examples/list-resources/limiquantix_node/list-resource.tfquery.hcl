list "limiquantix_node" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
