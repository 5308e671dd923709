// SPDX-License-Identifier: MIT
// Whether a resolv.conf is still the file that was read.
#include "dns/resolvconf.h"

#include <sys/stat.h>

struct resolvconf
resolvconf_look(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0 || st.st_size == 0)
		return (struct resolvconf){.path = path};
	return (struct resolvconf){
	    .path = path,
	    .exists = true,
	    .dev = st.st_dev,
	    .ino = st.st_ino,
	    .size = st.st_size,
	    .mtime = st.st_mtim,
	};
}

bool
resolvconf_is_another(const struct resolvconf *was)
{
	struct resolvconf is = resolvconf_look(was->path);
	if (!is.exists)
		return false;
	// The inode too: a new file may have been given the time of the old.
	return !was->exists || is.dev != was->dev || is.ino != was->ino ||
	       is.size != was->size || is.mtime.tv_sec != was->mtime.tv_sec ||
	       is.mtime.tv_nsec != was->mtime.tv_nsec;
}
