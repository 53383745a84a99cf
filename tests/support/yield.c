/* A rank of MPICH that waits keeps its core to itself: with more ranks than cores, as in
 * the tests, each message then takes a time slice of the others. Loaded before UCX
 * (LD_PRELOAD), this lets a rank that finds nothing to do leave the core. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>

unsigned ucp_worker_progress(void *worker)
{
    static unsigned (*progress)(void *);
    if (!progress)
        progress = (unsigned (*)(void *))dlsym(RTLD_NEXT, "ucp_worker_progress");
    unsigned done = progress(worker);
    if (!done)
        sched_yield();
    return done;
}
