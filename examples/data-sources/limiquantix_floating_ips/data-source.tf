data "limiquantix_floating_ips" "all" {}

output "floating_ip_names" {
  value = [for one in data.limiquantix_floating_ips.all.floating_ips : one.name]
}
