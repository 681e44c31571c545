/*
 * Two things about the start of an MPI program.
 *
 * Fails a step whose MPI world is smaller than the step: OpenMPI that finds no PMIx server starts every task as
 * a world of its own ("singleton"), computes N times the same and reports success.
 *
 * Lets nobody leave MPI_Init before all have been through it: OpenMPI 5 lets a rank go, and send, while another does not know
 * their world yet, and that one crashes (https://github.com/open-mpi/ompi/issues/12495; about one start in seventy over two pods).
 *
 * Preloaded by /etc/ld.so.preload. It wraps ompi_mpi_init because C, Fortran and Python all pass through it,
 * also where libmpi is opened by a module and not linked.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pmix.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*init_function)(int, char **, int, int *, int);
typedef int (*size_function)(void *, int *);
typedef pmix_status_t (*fence_function)(const pmix_proc_t *, size_t, const pmix_info_t *, size_t);

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

static void wait_for_all(void)
{
    void *pmix = dlopen("libpmix.so.2", RTLD_LAZY | RTLD_NOLOAD);
    fence_function fence = pmix ? (fence_function)dlsym(pmix, "PMIx_Fence") : NULL;
    pmix_info_t collect;

    if (fence == NULL)
        return;
    /* Slurm takes a fence that collects no data for passed as soon as a node's own tasks are there. */
    memset(&collect, 0, sizeof collect);
    strcpy(collect.key, PMIX_COLLECT_DATA);
    collect.value.type = PMIX_BOOL;
    collect.value.data.flag = true;
    fence(NULL, 0, &collect, 1);
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
    if (status != 0 || world_size == NULL || world == NULL || world_size(world, &size) != 0)
        return status;
    if (size > 1)
        wait_for_all();
    if (size < tasks && (guard == NULL || strcmp(guard, "off") != 0))
        refuse(size, tasks);
    return status;
}
