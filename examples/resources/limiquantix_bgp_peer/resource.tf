resource "limiquantix_bgp_speaker" "edge" {
  name     = "bgp-peer-example"
  local_as = 64512
}

resource "limiquantix_bgp_peer" "tor" {
  name       = "tor"
  speaker_id = limiquantix_bgp_speaker.edge.id
  address    = "192.0.2.1"
  peer_as    = 64513
}
