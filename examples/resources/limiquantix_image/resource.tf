variable "guest_image" {
  description = "Path of a qcow2 or raw image."
  type        = string
}

# Uploaded from this machine. size_bytes and sha256 are filled in from the file; new content, and
# nothing else, makes a new image. To let the control plane fetch it instead:
#   source = { url = { url = "https://example.org/debian-12.qcow2", sha256 = "<64 hex digits>" } }
resource "limiquantix_image" "debian" {
  name   = "debian-12"
  source = { upload = { file = var.guest_image } }
  os     = { family = "linux", distribution = "debian", version = "12" }
}
