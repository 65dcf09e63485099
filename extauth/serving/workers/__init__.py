"""Several processes that serve as one sidecar: a supervisor, a fork server, and the workers that it forks.

The supervisor has threads and the admin port, and never loads gRPC. The fork server has loaded all that a worker
needs, has no threads, and does nothing but fork: a worker begins to serve in a tenth of a second and shares the memory
of what was loaded.
"""
