resource "limiquantix_network" "office" {
  name   = "office"
  labels = { site = "berlin" }

  ipv4 = {
    cidr    = "10.40.0.0/24"
    gateway = "10.40.0.1"

    # Addresses are assigned from here; fixed ones may lie outside.
    allocation_pools   = [{ first = "10.40.0.100", last = "10.40.0.199" }]
    reserved_addresses = ["10.40.0.150"]
  }

  dhcp = {
    lease_seconds = 600
    dns_servers   = ["10.40.0.1"]
    domain_name   = "office.example"
  }

  mtu = 1400
}
