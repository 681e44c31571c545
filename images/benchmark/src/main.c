/*
 * xhpl: HPL's own driver as a program; the HPC Challenge calls it as a function.
 * It reads hpccinf.txt (HPL.dat under another name) and writes hpccoutf.txt in the current folder.
 */
#include "bind.h"
#include "hpl.h"

int HPL_main(int argc, char **argv, HPL_RuntimeData *best, int *failure);

/* Called for an input file that cannot be read. The HPC Challenge goes on with values of its own; we refuse. */
int HPCC_Defaults(void)
{
    fprintf(stderr, "xhpl: hpccinf.txt is missing, wrong, or asks for more processes than there are\n");
    MPI_Abort(MPI_COMM_WORLD, 2);
    return 2;
}

int main(int argc, char **argv)
{
    HPL_RuntimeData best = {.Gflops = 0};
    int failure = 0;

    MPI_Init(&argc, &argv);
    bind_rank();
    HPL_main(argc, argv, &best, &failure);
    MPI_Bcast(&failure, 1, MPI_INT, 0, MPI_COMM_WORLD);
    MPI_Finalize();
    return failure ? 1 : 0;
}
