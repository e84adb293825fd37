data "limiquantix_api_tokens" "all" {}

output "api_token_names" {
  value = [for one in data.limiquantix_api_tokens.all.api_tokens : one.name]
}
