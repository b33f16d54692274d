/* How many descriptors the process may have, and what that allows. At the start. */
#ifndef TEAL_SWITCH_DESCRIPTORS_H
#define TEAL_SWITCH_DESCRIPTORS_H

/* Raises the soft limit to the hard one, and returns the limit in force. */
unsigned long descriptors_raise(void);
/* How many client connections fit, of `wanted`: each may need a second descriptor, to its backend, and some are kept for the workers, the admin API, probes and files. At
 * least 1. Pure. */
unsigned descriptors_fit(unsigned long limit, unsigned workers, unsigned wanted);

#endif
