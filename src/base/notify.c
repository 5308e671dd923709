// SPDX-License-Identifier: MIT
// What a supervisor wants to be told: ready, reloading, alive (sd_notify(3)).
#include "base/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

enum { MESSAGE_MAX = 1024 };

// Fills in the address. False: neither "/path" nor "@name", or too long.
static bool
read_socket(const char *text, struct notify *out)
{
	size_t len = strlen(text);
	size_t start = offsetof(struct sockaddr_un, sun_path);

	if (len < 2 || (text[0] != '/' && text[0] != '@'))
		return false;
	// A path has its NUL counted with it; an abstract name has it in front.
	size_t room = len + (text[0] == '/');
	if (room > sizeof(out->to.sun_path))
		return false;
	out->to.sun_family = AF_UNIX;
	memcpy(out->to.sun_path, text, len);
	if (text[0] == '@')
		out->to.sun_path[0] = '\0';
	out->to_len = (socklen_t)(start + room);
	return true;
}

static int
read_watchdog(struct notify *out, struct err *err)
{
	const char *usec_text = getenv("WATCHDOG_USEC");
	const char *pid_text = getenv("WATCHDOG_PID");
	int64_t usec, pid;

	if (usec_text == NULL)
		return 0;
	if (!str_parse_number(usec_text, INT64_MAX, &usec) || usec == 0)
		return err_set(err, "WATCHDOG_USEC is no time: %s", usec_text);
	if (pid_text != NULL) {
		if (!str_parse_number(pid_text, INT32_MAX, &pid) || pid == 0)
			return err_set(
			    err, "WATCHDOG_PID is no process id: %s", pid_text);
		// Left over from a parent that it was meant for.
		if (pid != getpid())
			return 0;
	}
	out->watchdog_us = usec;
	return 0;
}

int
notify_take(struct notify *out, struct err *err)
{
	const char *socket_text = getenv("NOTIFY_SOCKET");
	int result = 0;

	*out = (struct notify){0};
	if (socket_text != NULL && !read_socket(socket_text, out))
		result = err_set(err,
		    "NOTIFY_SOCKET is neither /path nor @name: %s",
		    socket_text);
	else if (socket_text != NULL)
		result = read_watchdog(out, err);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return result;
}

int
notify_send(const struct notify *n, struct err *err, const char *fmt, ...)
{
	char text[MESSAGE_MAX];
	va_list ap;
	int result = 0;

	if (n->to_len == 0)
		return 0;
	va_start(ap, fmt);
	int len = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (len >= (int)sizeof(text))
		len = sizeof(text) - 1;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set_errno(err, errno, "cannot make a socket");
	if (sendto(fd, text, (size_t)len, MSG_NOSIGNAL,
		(const struct sockaddr *)&n->to, n->to_len) != len)
		result = err_set_errno(
		    err, errno, "cannot tell the supervisor");
	close(fd);
	return result;
}
