data "limiquantix_bgp_peer" "tor" {
  name = "tor"
}

output "bgp_peer_id" {
  value = data.limiquantix_bgp_peer.tor.id
}
