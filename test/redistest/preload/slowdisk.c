// Loaded before the C library: every fdatasync, which is how Redis makes its log durable, takes so much longer.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int fd) {
	usleep(atoi(getenv("SLOW_DISK_US")));
	return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
