# What every process of a cluster needs: sourced on each node before `ray start`, and on the head before `prunetune`.
# Everything lies beside this repository, on the file system that all nodes share.
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
shared="$(dirname "$repository")/prunetune-data"
export PATH="$repository/.venv/bin:$PATH"
export PRUNETUNE_DATA="${PRUNETUNE_DATA:-$shared/images}"
export PRUNETUNE_STORE="${PRUNETUNE_STORE:-$shared/weights}"
export HF_HOME="${HF_HOME:-$shared/huggingface}"
# Who has no token can neither join the cluster nor give it work.
export RAY_AUTH_MODE=token
# A trial that asks for no GPU must not see one.
export RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO=1
export RAY_USAGE_STATS_ENABLED=0
