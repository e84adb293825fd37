terraform import limiquantix_router.core core
