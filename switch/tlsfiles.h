/* The files that the configuration names for TLS, looked at for `teal check`: certificates with their keys, and authorities. Control thread; blocks on the disk, keeps nothing. */
#ifndef TEAL_SWITCH_TLSFILES_H
#define TEAL_SWITCH_TLSFILES_H

#include "conf/conf.h"

/* Adds a line to `faults`, with conf->file in front, for everything without which the daemon would not start; each file is told of once.
 * `cautions` gets what will do, but should not stay so: files that may not be read by whoever asks, certificates near their end or without their chain, backends that are not verified, a webroot that is not there. `now_s` is wall clock. */
void tlsfiles_check(const struct conf *conf, int64_t now_s, struct conf_faults *faults, struct conf_faults *cautions);

#endif
