data "limiquantix_port" "printer" {
  name = "printer"
}

output "addresses" {
  value = data.limiquantix_port.printer.status.ip_addresses
}
