#define _GNU_SOURCE
#include "bind.h"
#include <mpi.h>
#include <sched.h>
#include <stdlib.h>

void bind_rank(void)
{
    const char *given = getenv("BIND_THREADS");
    int threads = given ? atoi(given) : 0, rank, size, seen = 0;
    cpu_set_t allowed, own;
    MPI_Comm here;

    if (threads < 1 || sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &here);
    MPI_Comm_rank(here, &rank);
    MPI_Comm_size(here, &size);
    MPI_Comm_free(&here);
    if (size * threads > CPU_COUNT(&allowed))
        return;
    CPU_ZERO(&own);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && seen++ / threads == rank)
            CPU_SET(cpu, &own);
    sched_setaffinity(0, sizeof own, &own);
}
