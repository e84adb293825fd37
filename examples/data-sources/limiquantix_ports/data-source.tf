data "limiquantix_ports" "all" {}

output "addresses" {
  value = { for port in data.limiquantix_ports.all.ports : port.name => port.status.ip_addresses }
}
