resource "limiquantix_address_set" "offices" {
  name      = "offices"
  addresses = ["192.0.2.0/24", "198.51.100.17"]
}
