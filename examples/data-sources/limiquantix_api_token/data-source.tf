data "limiquantix_api_token" "monitor" {
  name = "monitor"
}

output "api_token_id" {
  value = data.limiquantix_api_token.monitor.id
}
