/* Preloaded, it lets rank 1 learn two seconds late that all ranks have met: what a busy machine does now and then. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

typedef void (*done_function)(int, void *);
typedef int (*fence_function)(const void *, size_t, const void *, size_t, done_function, void *);

struct news {
    done_function done;
    void *data;
    int status;
};

static void *tell(void *data)
{
    struct news *news = data;

    sleep(2);
    news->done(news->status, news->data);
    free(news);
    return NULL;
}

static void keep(int status, void *data)
{
    struct news *news = data;
    pthread_t thread;

    news->status = status;
    pthread_create(&thread, NULL, tell, news);
    pthread_detach(thread);
}

int PMIx_Fence_nb(const void *processes, size_t count, const void *directives, size_t length, done_function done, void *data)
{
    fence_function real = (fence_function)dlsym(RTLD_NEXT, "PMIx_Fence_nb");
    const char *rank = getenv("SLURM_PROCID");
    struct news *news;

    if (done == NULL || rank == NULL || atoi(rank) != 1)
        return real(processes, count, directives, length, done, data);
    news = malloc(sizeof *news);
    news->done = done;
    news->data = data;
    return real(processes, count, directives, length, keep, news);
}
