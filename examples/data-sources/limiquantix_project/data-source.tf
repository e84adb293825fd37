data "limiquantix_project" "shop" {
  name = "shop"
}

output "project_id" {
  value = data.limiquantix_project.shop.id
}
