list "limiquantix_image" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
