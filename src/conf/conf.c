// SPDX-License-Identifier: MIT
// The configuration: one libconfig file to one immutable struct conf.
#include "conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/mem.h"
#include "conf/field.h"
#include "conf/finish.h"
#include "conf/hostname.h"
#include "conf/strings.h"

void
conf_free(struct conf *conf)
{
	if (conf == NULL)
		return;
	for (unsigned i = 0; i < conf->n_relays; i++)
		free(conf->relays[i].host); // no key has it
	for (unsigned i = 0; i < conf_main_keys.n; i++)
		field_clear(&conf_main_keys.key[i], conf);
	field_clear_all(&conf_provider_keys, conf);
	conf_strings_clear(&conf->files);
	free(conf->path);
	free(conf);
}

// Who we are when the file does not say.
static void
add_own_name(struct conf *conf)
{
	char name[DNAME_SIZE];
	if (conf->self.names.n > 0)
		return;
	hostname_own(name);
	conf_strings_add(&conf->self.names, name);
}

// The files that a text was read from.
static void
add_files(struct conf *conf, const struct source *src)
{
	for (unsigned i = 0; i < src->files.n; i++)
		conf_strings_add(&conf->files, src->files.item[i]);
}

static int
check_provider_names(
    const struct reader *r, unsigned first, const config_setting_t *list)
{
	const struct conf *conf = r->conf;
	for (unsigned i = first; i < conf->n_providers; i++) {
		for (unsigned k = 0; k < i; k++) {
			const char *name = conf->providers[i].name;
			if (strcmp(conf->providers[k].name, name) != 0)
				continue;
			return reader_fail(r,
			    config_setting_get_elem(list, i - first),
			    "providers.name = \"%s\": must be unique: an "
			    "earlier provider has this name",
			    name);
		}
	}
	return 0;
}

// Reads the text of one providers file.
static int
read_providers(const struct reader *r)
{
	struct reader_where where;
	unsigned first = r->conf->n_providers;
	config_t parsed;
	add_files(r->conf, r->src);
	int rc = reader_parse(r, &parsed);
	if (rc == 0)
		rc = reader_group(r, &conf_provider_keys, r->conf,
		    config_root_setting(&parsed), &where);
	if (rc == 0 && where.setting[0] != NULL)
		rc = check_provider_names(r, first, where.setting[0]);
	config_destroy(&parsed);
	return rc;
}

// Reads the providers files. `named` is the key in the file; NULL: it does not
// have it, and then the default may be absent.
static int
read_provider_files(const struct reader *r, const config_setting_t *named)
{
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < r->conf->provider_files.n; i++) {
		char *path = source_path(
		    r->dir, r->conf->provider_files.item[i]);
		struct source src = {0};
		struct reader part = *r;
		part.src = &src;
		if (access(path, R_OK) == 0) {
			rc = source_read(path, r->dir, &src, r->err);
			if (rc == 0)
				rc = read_providers(&part);
		} else if (named != NULL) {
			int saved = errno;
			rc = reader_fail(r, config_setting_get_elem(named, i),
			    "provider_files: cannot read %s: %s", path,
			    strerror(saved));
		} else if (errno != ENOENT) {
			rc = err_set_errno(r->err, errno, "%s", path);
		}
		source_fini(&src);
		free(path);
	}
	return rc;
}

// Reads the text of the configuration itself, and what it names.
static int
read_main(const struct reader *r)
{
	struct reader_where where;
	config_t parsed;
	add_files(r->conf, r->src);
	int rc = reader_parse(r, &parsed);
	if (rc == 0)
		rc = reader_group(r, &conf_main_keys, r->conf,
		    config_root_setting(&parsed), &where);
	if (rc == 0) {
		add_own_name(r->conf);
		rc = finish_main(r, &where);
	}
	if (rc == 0) {
		const struct conf_key *key = conf_key_find(
		    &conf_main_keys, "provider_files");
		mxd_assert(key != NULL);
		rc = read_provider_files(
		    r, where.setting[key - conf_main_keys.key]);
	}
	config_destroy(&parsed);
	return rc;
}

// Reads the file at conf->path.
static int
load_file(struct reader *r)
{
	struct source src;
	char *dir = source_dir(r->conf->path);
	int rc = source_read(r->conf->path, dir, &src, r->err);
	if (rc == 0) {
		r->src = &src;
		r->dir = dir;
		rc = read_main(r);
		source_fini(&src);
	}
	free(dir);
	return rc;
}

static int
load_defaults(struct reader *r)
{
	int rc = reader_group(r, &conf_main_keys, r->conf, NULL, NULL);
	if (rc == 0)
		add_own_name(r->conf);
	return rc;
}

struct conf *
conf_load(const char *path, conf_warn_fn *warn, void *arg, struct err *err)
{
	struct conf *conf = xcalloc(1, sizeof(*conf));
	conf->path = xstrdup(path == NULL ? "" : path);
	struct reader r = {
	    .conf = conf, .dir = "", .warn = warn, .arg = arg, .err = err};
	int rc = path == NULL ? load_defaults(&r) : load_file(&r);
	if (rc != 0) {
		conf_free(conf);
		return NULL;
	}
	return conf;
}

static void
each_of(const struct conf_keys *keys,
    void (*each)(const char *key, const char *dflt, void *arg), void *arg)
{
	for (unsigned i = 0; i < keys->n; i++) {
		const struct conf_key *key = &keys->key[i];
		each(key->name, key->dflt == NULL ? "" : key->dflt, arg);
		if (key->type == KEY_LIST)
			each_of(key->list, each, arg);
	}
}

void
conf_each_key(
    void (*each)(const char *key, const char *dflt, void *arg), void *arg)
{
	each_of(&conf_main_keys, each, arg);
	each_of(&conf_provider_keys, each, arg);
}
