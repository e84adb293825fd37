terraform import limiquantix_bgp_peer.tor tor
