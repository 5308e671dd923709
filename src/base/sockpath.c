// SPDX-License-Identifier: MIT
// The file of a unix socket: its birth, its owner, its end.

#include "base/sockpath.h"

#include "base/rootpath.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	LOCK_TRIES = 10,
	LOCK_WAIT_MS = 20,
	GROUP_BUFFER = 16384, // getgrnam_r(3): a big group has many members
};

// Fills in the address; the path must fit with its NUL.
static int
make_address(const char *path, struct sockaddr_un *out, struct err *err)
{
	size_t len = strlen(path);

	if (path[0] != '/')
		return err_set(err, "the path of a unix socket must begin with "
				    "'/'");
	if (len >= sizeof(out->sun_path))
		return err_set(err,
		    "the path of a unix socket may have at most %zu bytes, "
		    "this one has %zu",
		    sizeof(out->sun_path) - 1, len);
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(out->sun_path, path, len + 1);
	return 0;
}

// Root makes, gives away and removes no file where another user could put a
// link in its place: that user would be root soon.
static int
check_directory(const char *dir, struct err *err)
{
	return geteuid() == 0 ? rootpath_check(dir, err) : 0;
}

// The same for the directory that `dir` is to be made in.
static int
check_parent(const char *dir, struct err *err)
{
	const char *slash = strrchr(dir, '/');
	char parent[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	snprintf(parent, sizeof(parent), "%.*s",
	    slash == dir ? 1 : (int)(slash - dir), dir);
	return check_directory(parent, err);
}

// Makes `dir` for everybody to look into, whatever the umask.
static int
make_directory(const char *dir, struct err *err)
{
	if (check_parent(dir, err) != 0)
		return err_prefix(err, "cannot make directory %s", dir);
	if (mkdir(dir, 0755) != 0) {
		if (errno == EEXIST)
			return 0;
		return err_set_errno(
		    err, errno, "cannot make directory %s", dir);
	}
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(
		    err, errno, "cannot open directory %s", dir);
	int result = 0;
	if (fchmod(fd, 0755) != 0)
		result = err_set_errno(
		    err, errno, "cannot set the mode of directory %s", dir);
	close(fd);
	return result;
}

// Opens the directory of `path`; makes it when only the last part is missing.
static int
open_directory(const char *path, struct err *err)
{
	char dir[sizeof(((struct sockaddr_un *)NULL)->sun_path)];

	snprintf(dir, sizeof(dir), "%s", path);
	char *slash = strrchr(dir, '/');
	slash[slash == dir ? 1 : 0] = '\0';
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		if (make_directory(dir, err) != 0)
			return -1;
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	// To pass through a directory that may not be read is enough.
	if (fd < 0 && errno == EACCES)
		fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(
		    err, errno, "cannot open directory %s", dir);
	if (check_directory(dir, err) == 0)
		return fd;
	close(fd);
	return -1;
}

// Keeps two of our processes that start together from taking each other's
// fresh socket for a stale one. Advisory, and given up after a while: anybody
// who may read the directory could hold it.
static void
lock_directory(int fd)
{
	const struct timespec pause = {.tv_nsec = LOCK_WAIT_MS * 1000000L};

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
			return;
		nanosleep(&pause, NULL);
	}
}

// Tries who answers at `sun`. Returns the errno of connect(2); 0: somebody
// does.
static int
ask(const struct sockaddr_un *sun)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int result = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) != 0)
		result = errno;
	close(fd);
	return result;
}

// Removes the socket file of a process that is gone.
static int
remove_stale(const struct sockaddr_un *sun, struct err *err)
{
	const char *path = sun->sun_path;
	struct stat st;

	if (lstat(path, &st) != 0) {
		if (errno == ENOENT)
			return 0;
		return err_set_errno(err, errno, "cannot look at %s", path);
	}
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, "%s exists and is not a socket", path);
	int answer = ask(sun);
	switch (answer) {
	case ECONNREFUSED:
		break;
	case ENOENT:
		return 0;
	case 0:
	case EAGAIN: // its backlog is full
	case EPROTOTYPE:
		return err_set(err, "another process answers on %s", path);
	default:
		return err_set_errno(err, answer,
		    "cannot tell whether a process answers on %s", path);
	}
	if (unlink(path) != 0 && errno != ENOENT)
		return err_set_errno(
		    err, errno, "cannot remove the stale socket %s", path);
	return 0;
}

// Finds a group by name or number.
static int
find_group(const char *group, gid_t *out, struct err *err)
{
	struct group entry, *found = NULL;
	char buffer[GROUP_BUFFER];
	int64_t number;

	int rc = getgrnam_r(group, &entry, buffer, sizeof(buffer), &found);
	if (found != NULL) {
		*out = found->gr_gid;
		return 0;
	}
	if (str_parse_number(group, (gid_t)-1, &number) && number < (gid_t)-1) {
		*out = (gid_t)number;
		return 0;
	}
	if (rc != 0 && rc != ENOENT)
		return err_set_errno(err, rc, "cannot look up group %s", group);
	return err_set(err, "there is no group %s", group);
}

int
sockpath_check_group(const char *group, struct err *err)
{
	gid_t gid;
	return group[0] != '\0' ? find_group(group, &gid, err) : 0;
}

// Sets the mode of the file itself, where /proc is mounted (glibc needs it).
static int
set_mode(const char *path, mode_t mode)
{
	if (fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	return errno == EOPNOTSUPP ? chmod(path, mode) : -1;
}

int
sockpath_set_access(const char *path, const struct sockpath_id *id, mode_t mode,
    const char *group, struct err *err)
{
	struct stat st;
	gid_t gid = (gid_t)-1;

	mode &= 0777;
	if (group[0] != '\0' && find_group(group, &gid, err) != 0)
		return -1;
	if (lstat(path, &st) != 0)
		return err_set_errno(err, errno, "cannot look at %s", path);
	if (st.st_dev != id->dev || st.st_ino != id->ino)
		return err_set(err, "%s is not ours any more", path);
	if (gid != (gid_t)-1 && gid != st.st_gid) {
		// The new group may not have the old one's rights meanwhile.
		if (set_mode(path, mode & 0700) != 0)
			goto fail;
		if (lchown(path, (uid_t)-1, gid) != 0) {
			err_set_errno(err, errno, "cannot give %s to group %s",
			    path, group);
			(void)set_mode(path, st.st_mode & 0777);
			return -1;
		}
	}
	if (set_mode(path, mode) == 0)
		return 0;
fail:
	return err_set_errno(err, errno, "cannot set the mode of %s", path);
}

int
sockpath_identify(const char *path, struct sockpath_id *id_out, struct err *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_set_errno(err, errno, "cannot look at %s", path);
	*id_out = (struct sockpath_id){.dev = st.st_dev, .ino = st.st_ino};
	return 0;
}

int
sockpath_check(const char *path, const struct sockpath_id *id, struct err *err)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			return 0;
		return err_set(err, "%s is gone", path);
	}
	if (st.st_dev != id->dev || st.st_ino != id->ino)
		return err_set(err, "%s leads to another file", path);
	return 0;
}

// Binds `fd` and lets nobody in before the file has its mode and group: until
// listen(2), connect(2) is refused.
static int
bind_and_listen(int fd, const struct sockaddr_un *sun, int backlog, mode_t mode,
    const char *group, struct sockpath_id *id_out, struct err *err)
{
	const char *path = sun->sun_path;

	// Linux makes the file with the mode of the socket's own inode: no
	// moment with more rights than needed, and no process-wide umask(2).
	(void)fchmod(fd, 0600);
	if (bind(fd, (const struct sockaddr *)sun, sizeof(*sun)) != 0)
		return err_set_errno(err, errno, "cannot bind %s", path);
	if (sockpath_identify(path, id_out, err) != 0)
		return -1;
	if (sockpath_set_access(path, id_out, mode, group, err) != 0)
		goto fail;
	if (listen(fd, backlog) == 0)
		return 0;
	err_set_errno(err, errno, "cannot listen on %s", path);
fail:
	sockpath_remove(path, id_out);
	return -1;
}

int
sockpath_make_way(const char *path, struct err *err)
{
	struct sockaddr_un sun;

	if (make_address(path, &sun, err) != 0)
		return -1;
	int dir = open_directory(path, err);
	if (dir < 0)
		return -1;
	lock_directory(dir);
	int result = remove_stale(&sun, err);
	close(dir);
	return result;
}

int
sockpath_listen(const char *path, int backlog, mode_t mode, const char *group,
    struct sockpath_id *id_out, struct err *err)
{
	struct sockaddr_un sun;
	int fd = -1;

	if (make_address(path, &sun, err) != 0)
		return -1;
	int dir = open_directory(path, err);
	if (dir < 0)
		return -1;
	lock_directory(dir);
	if (remove_stale(&sun, err) != 0)
		goto out;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		err_set_errno(err, errno, "cannot make a socket");
		goto out;
	}
	if (bind_and_listen(fd, &sun, backlog, mode, group, id_out, err) != 0) {
		close(fd);
		fd = -1;
	}
out:
	close(dir); // and with it goes the lock
	return fd;
}

void
sockpath_remove(const char *path, const struct sockpath_id *id)
{
	struct stat st;

	if (lstat(path, &st) == 0 && st.st_dev == id->dev &&
	    st.st_ino == id->ino)
		unlink(path);
}
