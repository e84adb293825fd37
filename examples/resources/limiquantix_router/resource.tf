resource "limiquantix_network" "front" {
  name = "router-example-front"
  ipv4 = { cidr = "10.61.0.0/24", gateway = "10.61.0.1" }
}

resource "limiquantix_network" "back" {
  name = "router-example-back"
  ipv4 = { cidr = "10.62.0.0/24", gateway = "10.62.0.1" }
}

resource "limiquantix_router" "core" {
  name = "core"

  interfaces = {
    front = { network_id = limiquantix_network.front.id }
    back  = { network_id = limiquantix_network.back.id }
  }

  static_routes = {
    office = { destination = "192.0.2.0/24", next_hop = "10.61.0.254" }
  }
}
