variable "guest_image" {
  description = "Path of the image that the machines boot; `make guest-image` makes one."
  type        = string
}
