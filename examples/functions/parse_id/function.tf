output "name" {
  value = provider::limiquantix::parse_id("default/web").name
}

output "created_at" {
  value = provider::limiquantix::parse_id("01936912-f000-7000-8000-000000000001").created_at
}
