resource "limiquantix_bgp_speaker" "edge" {
  name     = "edge"
  local_as = 64512

  advertisements = {
    public = { prefix = "203.0.113.0/24", communities = ["64512:100"] }
  }
}
