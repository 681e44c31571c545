/* Rank 0 sends as soon as it may. */
#include <mpi.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    int rank, word = 42;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == 0)
        MPI_Send(&word, 1, MPI_INT, 1, 0, MPI_COMM_WORLD);
    if (rank == 1) {
        MPI_Recv(&word, 1, MPI_INT, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        printf("%d came\n", word);
    }
    MPI_Finalize();
    return 0;
}
