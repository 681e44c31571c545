/*
 * Fails a step whose MPI world is smaller than the step: OpenMPI that finds no PMIx server starts every task as
 * a world of its own ("singleton"), computes N times the same and reports success.
 *
 * Preloaded by /etc/ld.so.preload. It wraps ompi_mpi_init because C, Fortran and Python all pass through it,
 * also where libmpi is opened by a module and not linked.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*init_function)(int, char **, int, int *, int);
typedef int (*size_function)(void *, int *);

/* Tasks that srun started in this step; 0 where srun did not start this process itself (batch script, mpirun). */
static long tasks_of_step(void)
{
    const char *tasks = getenv("SLURM_STEP_NUM_TASKS");
    const char *space = getenv("PMIX_NAMESPACE");

    if (tasks == NULL || getenv("SLURM_PROCID") == NULL || getenv("PRTE_LAUNCHED") != NULL)
        return 0;
    if (space != NULL && strncmp(space, "prte", 4) == 0)
        return 0;
    return strtol(tasks, NULL, 10);
}

static void refuse(int size, long tasks)
{
    fprintf(stderr,
            "mpi-guard: this task's MPI world has %d of the step's %ld tasks. srun started it without PMIx: "
            "use 'srun --mpi=pmix' (the cluster's default), or set HPC_MPI_GUARD=off if this is meant.\n",
            size, tasks);
    fflush(stderr);
    _exit(78);
}

int ompi_mpi_init(int argc, char **argv, int requested, int *provided, int reinit)
{
    void *mpi = dlopen("libmpi.so.40", RTLD_LAZY | RTLD_NOLOAD);
    init_function init = mpi ? (init_function)dlsym(mpi, "ompi_mpi_init") : NULL;
    size_function world_size = mpi ? (size_function)dlsym(mpi, "PMPI_Comm_size") : NULL;
    /* A C program has its own copy of this variable, which counts; a Python module has none. */
    void *world = dlsym(RTLD_DEFAULT, "ompi_mpi_comm_world");
    const char *guard = getenv("HPC_MPI_GUARD");
    long tasks = tasks_of_step();
    int status, size = 0;

    if (world == NULL && mpi != NULL)
        world = dlsym(mpi, "ompi_mpi_comm_world");
    if (init == NULL) {
        fprintf(stderr, "mpi-guard: cannot find OpenMPI's own start: %s\n", dlerror());
        _exit(78);
    }
    status = init(argc, argv, requested, provided, reinit);
    if (status != 0 || tasks < 2 || (guard != NULL && strcmp(guard, "off") == 0))
        return status;
    if (world_size != NULL && world != NULL && world_size(world, &size) == 0 && size < tasks)
        refuse(size, tasks);
    return status;
}
