resource "limiquantix_network" "office" {
  name = "port-example"
  ipv4 = { cidr = "10.50.0.0/24" }
}

# Keeps its MAC and IP address while the machines that are plugged into it come and go.
resource "limiquantix_port" "printer" {
  name         = "printer"
  network_id   = limiquantix_network.office.id
  mac_address  = "52:54:00:00:00:07"
  ip_addresses = ["10.50.0.7"]
}
