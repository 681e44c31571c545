/* Keep each rank to cores of its own. */
#ifndef BIND_H
#define BIND_H

/*
 * With BIND_THREADS=n in the environment, the i-th rank on a machine is kept to the i-th n of the CPUs it may use.
 * Does nothing where there are fewer CPUs than that, since two ranks on one would be worse than none bound.
 */
void bind_rank(void);

#endif
