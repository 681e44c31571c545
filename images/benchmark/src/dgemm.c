/*
 * dgemm SIZE REPETITIONS: what the same cores do in a matrix product alone, all ranks at once, as the median of the
 * products; what HPL is measured against. Prints one line of JSON.
 */
#define _GNU_SOURCE
#include "bind.h"
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

/* From OpenBLAS; a reference BLAS has none of the last three, so that linking with one fails. */
void cblas_dgemm(int order, int transposed_a, int transposed_b, int m, int n, int k, double alpha, const double *a,
                 int lda, const double *b, int ldb, double beta, double *c, int ldc);
const char *openblas_get_config(void);
const char *openblas_get_corename(void);
int openblas_get_num_threads(void);

#define MOST 99

static int ascending(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static double *matrix(size_t n)
{
    double *values = malloc(n * n * sizeof *values);

    if (values == NULL) {
        fprintf(stderr, "dgemm: no memory for a matrix of %zu x %zu\n", n, n);
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    for (size_t i = 0; i < n * n; i++)
        values[i] = (double)(i * 2654435761u % 1000) / 1000 - 0.5;
    return values;
}

int main(int argc, char **argv)
{
    int n = argc > 1 ? atoi(argv[1]) : 2000, repetitions = argc > 2 ? atoi(argv[2]) : 3, rank, size;
    double slowest[MOST], *a, *b, *c;
    cpu_set_t allowed;

    if (repetitions < 1 || repetitions > MOST) {
        fprintf(stderr, "dgemm: 1 to %d repetitions, not %d\n", MOST, repetitions);
        return 2;
    }
    MPI_Init(&argc, &argv);
    bind_rank();
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    a = matrix(n), b = matrix(n), c = matrix(n);
    /* The first product starts threads and touches memory; it does not count. */
    for (int i = -1; i < repetitions; i++) {
        double spent;

        MPI_Barrier(MPI_COMM_WORLD);
        spent = -MPI_Wtime();
        cblas_dgemm(101, 111, 111, n, n, n, 1, a, n, b, n, 0, c, n);
        spent += MPI_Wtime();
        MPI_Allreduce(&spent, &slowest[i < 0 ? 0 : i], 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    }
    qsort(slowest, repetitions, sizeof *slowest, ascending);
    sched_getaffinity(0, sizeof allowed, &allowed);
    if (rank == 0)
        printf("{\"gflops\": %.3f, \"ranks\": %d, \"threads\": %d, \"cpus_of_rank\": %d, \"core\": \"%s\", \"blas\": \"%s\"}\n",
               2e-9 * n * n * n * size / slowest[repetitions / 2], size, openblas_get_num_threads(), CPU_COUNT(&allowed), openblas_get_corename(),
               openblas_get_config());
    MPI_Finalize();
    return 0;
}
