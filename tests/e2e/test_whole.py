"""After all that people did in the other files: everything is in the log, and nothing else."""
import reconciler


def test_requests_acts_rows_and_leaves_agree(place):
    """As `make reconcile` says it."""
    done = reconciler.run(place)
    assert done.returncode == 0 and done.stdout.startswith("0 differences; "), done.stdout + done.stderr
    print(done.stdout)
