data "limiquantix_vpn" "berlin" {
  name = "berlin"
}

output "vpn_id" {
  value = data.limiquantix_vpn.berlin.id
}
