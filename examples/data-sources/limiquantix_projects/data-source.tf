data "limiquantix_projects" "all" {}

output "project_names" {
  value = [for one in data.limiquantix_projects.all.projects : one.name]
}
