import {
  to = limiquantix_bgp_peer.tor
  identity = {
    id = "01936912-f000-7000-8000-000000000001"
  }
}
