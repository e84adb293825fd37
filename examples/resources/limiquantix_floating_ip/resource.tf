resource "limiquantix_network" "internet" {
  name = "floating-ip-example-internet"
  type = "external"
  vlan = { physical_network = "internet" }
  ipv4 = { cidr = "203.0.113.0/24", gateway = "203.0.113.1" }
}

resource "limiquantix_network" "office" {
  name = "floating-ip-example-office"
  ipv4 = { cidr = "10.63.0.0/24" }
}

resource "limiquantix_port" "web" {
  name       = "floating-ip-example"
  network_id = limiquantix_network.office.id
}

resource "limiquantix_floating_ip" "web" {
  name       = "web"
  network_id = limiquantix_network.internet.id
  ip_address = "203.0.113.20"
  port_id    = limiquantix_port.web.id
}
