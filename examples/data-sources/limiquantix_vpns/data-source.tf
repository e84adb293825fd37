data "limiquantix_vpns" "all" {}

output "vpn_names" {
  value = [for one in data.limiquantix_vpns.all.vpns : one.name]
}
