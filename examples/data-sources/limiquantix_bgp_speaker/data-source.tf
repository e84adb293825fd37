data "limiquantix_bgp_speaker" "edge" {
  name = "edge"
}

output "bgp_speaker_id" {
  value = data.limiquantix_bgp_speaker.edge.id
}
