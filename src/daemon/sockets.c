// SPDX-License-Identifier: MIT
// Where clients come in: the listeners of each service.
#include "base/log.h"
#include "base/mem.h"
#include "daemon/internal.h"

#include <stdlib.h>
#include <string.h>

static const struct service services[] = {
    {"socketmap", &lookup_protocol},
    {"policy", &policy_protocol},
};

static const struct conf_strings *
addresses_of(const struct conf *conf, const struct service *service)
{
	return service->protocol == &lookup_protocol ? &conf->listen.socketmap
						     : &conf->listen.policy;
}

static void
on_accept(int fd, const char *peer, void *arg)
{
	struct socket *s = arg;
	conn_start(s->d->pool, fd, peer, s->service->protocol, s->d);
}

static struct socket *
find(const struct socket_list *list, const struct service *service,
    const char *address)
{
	struct socket *s;
	TAILQ_FOREACH (s, list, entry)
		if (s->service == service &&
		    strcmp(listener_address(s->listener), address) == 0)
			return s;
	return NULL;
}

// A socket of a supervisor whose file does not lead to it: only who bound it
// can do that again.
static void
check_taken(const struct socket *s)
{
	struct err err;
	if (listener_check_file(s->listener, &err) < 0)
		log_err("listen service=%s address=%s from=supervisor "
			"error=\"%s\": nobody can connect there; restart who "
			"holds it, as in systemctl restart mxdetour-%s.socket "
			"mxdetour",
		    s->service->name, listener_address(s->listener), err.text,
		    s->service->name);
}

// Opens one, or takes `fd` over.
static int
socket_add(struct daemon *d, const struct conf *conf,
    const struct service *service, const char *address, int fd,
    struct socket_list *out, struct err *err)
{
	struct socket *s = xcalloc(1, sizeof(*s));
	struct listener_params p = {
	    .base = d->base,
	    .address = address,
	    .mode = conf->listen.mode,
	    .group = conf->listen.group,
	    .fd = fd,
	};
	s->d = d;
	s->service = service;
	s->taken = fd >= 0;
	s->listener = listener_new(&p, on_accept, s, err);
	if (s->listener == NULL) {
		free(s);
		return -1;
	}
	TAILQ_INSERT_TAIL(out, s, entry);
	log_info("listen service=%s address=%s from=%s", service->name,
	    listener_address(s->listener),
	    s->taken ? "supervisor" : "configuration");
	if (s->taken)
		check_taken(s);
	return 0;
}

// The descriptors that a supervisor named for this service, listed or not.
static int
add_named(struct daemon *d, const struct conf *conf,
    const struct service *service, struct listener_fds *fds,
    struct socket_list *out, struct err *err)
{
	char address[LISTENER_ADDRESS_MAX];
	int fd;
	while (
	    (fd = listener_fds_claim_named(fds, service->name, address)) >= 0)
		if (socket_add(d, conf, service, address, fd, out, err) < 0)
			return -1;
	return 0;
}

static int
add_listed(struct daemon *d, const struct conf *conf,
    const struct service *service, struct listener_fds *fds,
    struct socket_list *out, struct err *err)
{
	const struct conf_strings *list = addresses_of(conf, service);
	for (unsigned i = 0; i < list->n; i++) {
		const char *address = list->item[i];
		int fd = -1;
		if (find(&d->sockets, service, address) != NULL ||
		    find(out, service, address) != NULL)
			continue;
		if (fds != NULL)
			fd = listener_fds_claim(fds, service->name, address);
		if (socket_add(d, conf, service, address, fd, out, err) == 0)
			continue;
		if (conf->path[0] != '\0')
			return -1;
		log_warn("listen service=%s %s: going on without it",
		    service->name, err->text);
	}
	return 0;
}

static bool
is_listed(const struct conf *conf, const struct socket *s)
{
	const struct conf_strings *list = addresses_of(conf, s->service);
	for (unsigned i = 0; i < list->n; i++)
		if (strcmp(list->item[i], listener_address(s->listener)) == 0)
			return true;
	return false;
}

// Whether a socket of ours stays open under this configuration.
static bool
stays(const struct conf *conf, const struct socket *s)
{
	return s->taken || is_listed(conf, s);
}

static bool
any_stays(const struct daemon *d, const struct conf *conf)
{
	const struct socket *s;
	TAILQ_FOREACH (s, &d->sockets, entry)
		if (stays(conf, s))
			return true;
	return false;
}

int
sockets_open(struct daemon *d, const struct conf *conf,
    struct listener_fds *fds, struct socket_list *out, struct err *err)
{
	TAILQ_INIT(out);
	for (size_t i = 0; i < ARRAY_LEN(services); i++)
		if (add_listed(d, conf, &services[i], fds, out, err) < 0)
			goto fail;
	for (size_t i = 0; fds != NULL && i < ARRAY_LEN(services); i++)
		if (add_named(d, conf, &services[i], fds, out, err) < 0)
			goto fail;
	if (fds != NULL && listener_fds_finish(fds, err) < 0)
		goto fail;
	if (TAILQ_EMPTY(out) && !any_stays(d, conf)) {
		if (conf->path[0] != '\0')
			err_set(err,
			    "%s: listen names no socket: nobody "
			    "could ask anything",
			    conf->path);
		goto fail;
	}
	return 0;
fail:
	sockets_close(out);
	return -1;
}

static void
socket_close(struct socket_list *list, struct socket *s)
{
	TAILQ_REMOVE(list, s, entry);
	listener_free(s->listener);
	free(s);
}

void
sockets_close(struct socket_list *list)
{
	struct socket *s;
	while ((s = TAILQ_FIRST(list)) != NULL)
		socket_close(list, s);
}

// A socket of our own that stays open over a reload: its file is made anew if
// it has to be, and has the mode and group of this configuration.
static void
socket_keep(const struct socket *s, const struct conf *conf)
{
	const char *address = listener_address(s->listener);
	mode_t mode = conf->listen.mode;
	const char *group = conf->listen.group;
	struct err why, err;
	if (listener_check_file(s->listener, &why) == 0) {
		if (listener_set_access(s->listener, mode, group, &err) < 0)
			log_warn(
			    "listen service=%s %s", s->service->name, err.text);
	} else if (listener_rebind(s->listener, mode, group, &err) == 0) {
		log_warn("listen service=%s address=%s opened anew: %s",
		    s->service->name, address, why.text);
	} else {
		log_err("listen service=%s address=%s error=\"%s\": nobody "
			"can connect there; make way and reload again",
		    s->service->name, address, err.text);
	}
}

void
sockets_adopt(
    struct daemon *d, const struct conf *conf, struct socket_list *fresh)
{
	struct socket *s, *next;
	for (s = TAILQ_FIRST(&d->sockets); s != NULL; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (!stays(conf, s)) {
			log_info("listen service=%s address=%s closed",
			    s->service->name, listener_address(s->listener));
			socket_close(&d->sockets, s);
		} else if (s->taken) {
			check_taken(s);
		} else {
			socket_keep(s, conf);
		}
	}
	TAILQ_CONCAT(&d->sockets, fresh, entry);
}
