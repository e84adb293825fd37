list "limiquantix_api_token" "all" {
  provider = limiquantix

  config {
    order_by = "name"
  }
}
