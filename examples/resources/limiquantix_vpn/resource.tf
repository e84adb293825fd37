variable "psk" {
  description = "The pre-shared key."
  type        = string
  default     = "correct-horse-battery-staple"
  ephemeral   = true
}

resource "limiquantix_network" "office" {
  name = "vpn-example"
  ipv4 = { cidr = "10.65.0.0/24", gateway = "10.65.0.1" }
}

resource "limiquantix_router" "office" {
  name       = "vpn-example"
  interfaces = { office = { network_id = limiquantix_network.office.id } }
}

resource "limiquantix_vpn" "berlin" {
  name      = "berlin"
  router_id = limiquantix_router.office.id

  connections = {
    berlin = {
      peer_address    = "198.51.100.7"
      remote_networks = ["10.200.0.0/16"]
      ipsec = {
        # Never in the state: raise the version to send a new key.
        psk_wo         = var.psk
        psk_wo_version = 1
      }
    }
  }
}
