resource "limiquantix_network" "front" {
  name = "load-balancer-example"
  ipv4 = { cidr = "10.64.0.0/24" }
}

resource "limiquantix_load_balancer" "web" {
  name        = "web"
  network_id  = limiquantix_network.front.id
  vip_address = "10.64.0.100"

  listeners = {
    http = { protocol = "http", port = 80, pool = "web" }
  }

  pools = {
    web = {
      algorithm = "least_connections"
      members = {
        a = { ip_address = "10.64.0.11", port = 8080 }
        b = { ip_address = "10.64.0.12", port = 8080 }
      }
      health_monitor = { type = "http", http_path = "/healthz" }
    }
  }
}
