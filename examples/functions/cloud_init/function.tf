locals {
  user_data = provider::limiquantix::cloud_init([
    { content = "#cloud-config\n${yamlencode({ packages = ["nginx"] })}" },
    { content = "#!/bin/sh\nsystemctl enable --now nginx\n", filename = "enable.sh" },
  ])
}

output "user_data" {
  value = local.user_data
}
