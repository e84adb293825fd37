data "limiquantix_floating_ip" "web" {
  name = "web"
}

output "floating_ip_id" {
  value = data.limiquantix_floating_ip.web.id
}
