data "limiquantix_network" "office" {
  name = "office"
}

output "subnet" {
  value = data.limiquantix_network.office.ipv4.cidr
}
