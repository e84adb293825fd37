# By id, as `limiquantix get storage_pools` prints it.
terraform import limiquantix_storage_pool.local 0198c6a4-5b1e-7c3a-9d42-3f1f0a6b7c03
