data "limiquantix_networks" "berlin" {
  labels = { site = "berlin" }
}

output "subnets" {
  value = {
    for network in data.limiquantix_networks.berlin.networks : network.name => network.ipv4.cidr
  }
}
