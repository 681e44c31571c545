/* Take the user's tokens out of sbatch's environment once sbatch itself has read it: jobs inherit that environment, slurmctld
 * keeps it, and `srun` in a job that has a token speaks to slurmd by it, which refuses. No option of sbatch leaves a SLURM_
 * variable out. */
#include <slurm/spank.h>
#include <stdlib.h>

SPANK_PLUGIN(forget_token, 1)

int slurm_spank_init_post_opt(spank_t spank, int argc, char *argv[]) {
  (void)spank, (void)argc, (void)argv;
  if (spank_context() == S_CTX_ALLOCATOR) {
    unsetenv("SLURM_JWT");
    unsetenv("JUPYTERHUB_API_TOKEN");
    unsetenv("JPY_API_TOKEN");
  }
  return 0;
}
