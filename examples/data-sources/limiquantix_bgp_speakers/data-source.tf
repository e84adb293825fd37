data "limiquantix_bgp_speakers" "all" {}

output "bgp_speaker_names" {
  value = [for one in data.limiquantix_bgp_speakers.all.bgp_speakers : one.name]
}
