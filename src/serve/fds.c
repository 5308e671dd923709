// SPDX-License-Identifier: MIT
// Descriptors passed by systemd or another supervisor (sd_listen_fds(3)).

#include "base/attr.h"
#include "base/listenaddr.h"
#include "base/str.h"
#include "serve/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// SD_LISTEN_FDS_START: the first descriptor that is passed.
enum { FIRST_FD = 3 };

// Copies the colon-separated names; there must be one for each descriptor.
static int
copy_names(struct listener_fds *fds, const char *names, struct err *err)
{
	int i = 0;

	for (;;) {
		size_t len = strcspn(names, ":");
		if (i < fds->n)
			str_printable(fds->item[i].name,
			    sizeof(fds->item[i].name), names, len);
		i++;
		if (names[len] == '\0')
			break;
		names += len + 1;
	}
	if (i == fds->n)
		return 0;
	return err_set(
	    err, "LISTEN_FDNAMES has %d names for %d descriptors", i, fds->n);
}

// Finds out what was passed as `fd`, and keeps it from our children.
static int
check_fd(int fd, char address[LISTENER_ADDRESS_MAX], struct err *err)
{
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return err_set_errno(err, errno, "passed descriptor %d", fd);
	if (!listenaddr_is_listening(fd) ||
	    !listenaddr_of_socket(fd, address, LISTENER_ADDRESS_MAX))
		return err_set(err,
		    "passed descriptor %d is no listening stream socket of "
		    "TCP or unix kind",
		    fd);
	return 0;
}

// Reads the variables without touching a descriptor. `*names_out` is NULL when
// there are no names.
static int
read_variables(
    struct listener_fds *out, const char **names_out, struct err *err)
{
	const char *pid_text = getenv("LISTEN_PID");
	const char *n_text = getenv("LISTEN_FDS");
	int64_t pid = 0, n = 0;

	*names_out = getenv("LISTEN_FDNAMES");
	if (pid_text == NULL || n_text == NULL)
		return 0;
	if (!str_parse_number(pid_text, INT32_MAX, &pid) || pid == 0)
		return err_set(
		    err, "LISTEN_PID is no process id: %s", pid_text);
	// Left over from a parent that they were meant for.
	if (pid != getpid())
		return 0;
	if (!str_parse_number(n_text, INT32_MAX, &n))
		return err_set(err, "LISTEN_FDS is no number: %s", n_text);
	if (n > (int64_t)ARRAY_LEN(out->item))
		return err_set(err, "LISTEN_FDS is %s, at most %zu are taken",
		    n_text, ARRAY_LEN(out->item));
	out->n = (int)n;
	return 0;
}

int
listener_fds_take(struct listener_fds *out, struct err *err)
{
	const char *names = NULL;

	*out = (struct listener_fds){.n = 0};
	int result = read_variables(out, &names, err);
	for (int i = 0; i < out->n; i++)
		out->item[i].fd = FIRST_FD + i;
	for (int i = 0; result == 0 && i < out->n; i++)
		result = check_fd(FIRST_FD + i, out->item[i].address, err);
	if (result == 0 && out->n > 0 && names != NULL)
		result = copy_names(out, names, err);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_PIDFDID"); // since systemd 257
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (result != 0)
		out->n = 0;
	return result;
}

// True for a name that says which service the descriptor is for.
static bool
is_service(const char *name)
{
	static const char *const services[] = {"socketmap", "policy", "http"};

	for (size_t i = 0; i < ARRAY_LEN(services); i++)
		if (strcmp(name, services[i]) == 0)
			return true;
	return false;
}

// Hands the `i`th out.
static int
claim(struct listener_fds *fds, int i)
{
	int fd = fds->item[i].fd;

	fds->item[i].fd = -1;
	return fd;
}

int
listener_fds_claim(
    struct listener_fds *fds, const char *service, const char *address)
{
	for (int i = 0; i < fds->n; i++) {
		const char *name = fds->item[i].name;
		if (fds->item[i].fd < 0)
			continue;
		if (is_service(name) && strcmp(name, service) != 0)
			continue;
		if (listenaddr_match(address, fds->item[i].address))
			return claim(fds, i);
	}
	return -1;
}

int
listener_fds_claim_named(struct listener_fds *fds, const char *service,
    char address_out[LISTENER_ADDRESS_MAX])
{
	for (int i = 0; i < fds->n; i++) {
		if (fds->item[i].fd < 0 ||
		    strcmp(fds->item[i].name, service) != 0)
			continue;
		memcpy(address_out, fds->item[i].address, LISTENER_ADDRESS_MAX);
		return claim(fds, i);
	}
	return -1;
}

int
listener_fds_finish(struct listener_fds *fds, struct err *err)
{
	for (int i = 0; i < fds->n; i++) {
		if (fds->item[i].fd < 0)
			continue;
		return err_set(err,
		    "the descriptor passed for %s (name \"%s\") belongs to no "
		    "listen entry",
		    fds->item[i].address, fds->item[i].name);
	}
	return 0;
}
