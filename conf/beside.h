/* Relative names of files, which count from the folder of teal.yaml. Control thread; internal to conf/. */
#ifndef TEAL_CONF_BESIDE_H
#define TEAL_CONF_BESIDE_H

#include "conf/conf.h"

/* Puts the folder of conf->file in front of every relative path of a key KEY_BESIDE_FILE. The folder is taken as it was given, so that it may be relative itself. */
void beside_complete(struct conf *conf);

#endif
