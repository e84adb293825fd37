data "limiquantix_port" "printer" {
  name = "printer"
}

output "mac_address" {
  value = data.limiquantix_port.printer.status.mac_address
}
