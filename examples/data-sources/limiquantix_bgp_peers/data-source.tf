data "limiquantix_bgp_peers" "all" {}

output "bgp_peer_names" {
  value = [for one in data.limiquantix_bgp_peers.all.bgp_peers : one.name]
}
